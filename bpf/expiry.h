/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Expired mappings and sessions give back what they hold. A timer in the kernel walks a bounded number of places at a
 * time, with nobody in user space needed; nat_expire does the same on demand.
 */
#ifndef NATGW_EXPIRY_H
#define NATGW_EXPIRY_H

#include "counters.h"
#include "maps.h"
#include "sessions.h"
#include "slots.h"

#define EXPIRY_STEPS 256	    /* of one tick: what a packet may have to wait for */
#define EXPIRY_BUSY_NS 500000ull    /* until the next tick of a pass */
#define OLDEST (1u << 30)	    /* jiffies: half of what can be told from the future */
#define EXPIRY_IDLE_NS 200000000ull /* until the next pass */

struct expiry {
	struct settings *settings;
	struct expiry_cursor *at;
	__u32 now;
	__u32 least; /* of the timeouts, jiffies */
	__u32 visited;
	__u32 freed;
	__u32 finished;
};

/* A slot and whose it is. */
struct place {
	const struct binding *slice;
	struct slice_state *state;
	struct slot_range range;
	__u32 protocol;
	__u32 offset;
};

static __always_inline void count_down(__u32 counts[NAT_PROTOCOLS], __u32 protocol)
{
	if (protocol < NAT_PROTOCOLS)
		__sync_fetch_and_sub(&counts[protocol], 1);
}

/* Removes what leads to the mapping in the slot. The owner word is BUSY; caller holds the lock for a chained mapping.
 */
static __always_inline void slot_unlink(const struct place *place, const struct slot *slot, __u64 owner)
{
	const struct slot_range *range = &place->range;
	__u16 *port = range_port(range, place->offset);

	if (port)
		WRITE_ONCE(*port, 0);
	if (slot->session.flags & SLOT_OVERFLOW) {
		chain_remove(range, bucket_of(range, place->slice->secret, owner_port(owner), place->protocol),
			     place->offset);
		count_down(place->state->overflow, place->protocol);
	}
}

/* Frees a slot whose owner word was `owner`. @returns 0 where it is another by now */
static __always_inline int slot_free(const struct place *place, struct slot *slot, __u64 owner)
{
	if (compare_exchange(&slot->owner, owner, word_busy(owner)) != owner)
		return 0;
	slot_unlink(place, slot, owner);
	store_release(&slot->owner, word_make(0, word_generation(owner), WORD_FREE));
	slot_mark_free(&place->range, place->offset); /* from here on it may be taken */
	/* After the slot: a full slice may refuse one packet too many, never find no slot where the count says there is
	 * one. */
	count_down(place->state->used, place->protocol);
	count(COUNTER_MAPPINGS_EXPIRED, 1);
	return 1;
}

/* Whether it expired so long ago that no program is running that found it alive. */
static __always_inline int session_over(const struct expiry *expiry, const struct session *session)
{
	return time_reached(expiry->now, READ_ONCE(session->expires) + expiry->settings->port_reuse_delay);
}

static __always_inline int slot_over(const struct expiry *expiry, const struct slot *slot)
{
	return !READ_ONCE(slot->further) && session_over(expiry, &slot->session);
}

/* The lock is tried once: a mapping for which it is not had is freed in the next pass. */
static __always_inline int slot_expire(const struct expiry *expiry, const struct place *place, struct slot *slot,
				       __u64 owner)
{
	int freed;

	if (!(READ_ONCE(slot->session.flags) & SLOT_OVERFLOW))
		return slot_free(place, slot, owner);
	if (!slice_lock_if_free(place->state))
		return 0;
	freed = slot_over(expiry, slot) && slot_free(place, slot, owner);
	slice_unlock(place->state);
	return freed;
}

/*
 * The session in the slot is dead, others of its mapping live. They may do so for longer than a time of 32 bits tells
 * past from future: dead it must stay. Whoever renews it at this moment wins.
 */
static __always_inline void slot_session_stays_dead(const struct expiry *expiry, struct slot *slot)
{
	__u32 expires = READ_ONCE(slot->session.expires), age = expiry->now - expires;

	if (age >= OLDEST && age < 1u << 31)
		compare_exchange(&slot->session.expires, expires, expiry->now - expiry->settings->port_reuse_delay);
}

/*
 * Two CPUs that meet on a session may leave it in the state that the one saw and with the time that the other set. What
 * is opening, closing or reset must not stay for hours. Whoever sets another time at this moment wins.
 */
static __always_inline void session_time_bound(const struct expiry *expiry, struct session *session)
{
	__u32 state = READ_ONCE(session->tcp) & SESSION_TCP_STATE, expires = READ_ONCE(session->expires);
	__u32 longest = expiry->now + expiry->settings->tcp_transitory;

	if (state == TCP_NONE || state == TCP_ESTABLISHED || state == TCP_FIN_OUT || state == TCP_FIN_IN)
		return;
	if (!time_reached(longest, expires))
		compare_exchange(&session->expires, expires, longest);
}

/* @returns whether the slot need not be looked at again before `at->earliest` */
static __always_inline int expire_slot(struct expiry *expiry, const struct place *place)
{
	struct slot *slot = range_slot(&place->range, place->offset);
	__u32 due;
	__u64 owner;

	if (!slot)
		return 1;
	owner = READ_ONCE(slot->owner);
	if (word_state(owner) == WORD_FREE)
		return 1;
	if (word_state(owner) == WORD_LIVE && slot_over(expiry, slot)) {
		if (!slot_expire(expiry, place, slot, owner))
			return 0;
		expiry->freed++;
		return 1;
	}
	session_time_bound(expiry, &slot->session);
	due = READ_ONCE(slot->session.expires) + expiry->settings->port_reuse_delay;
	if (time_reached(expiry->now, due)) {
		slot_session_stays_dead(expiry, slot);
		due = expiry->now + expiry->settings->hz / 8; /* its other sessions may end at any time */
	}
	if (time_reached(expiry->at->earliest, due))
		expiry->at->earliest = due;
	return 1;
}

/*
 * The next slot that is taken, or none up to the end of a group. What lives is looked at again when it may expire, not
 * in every pass: nothing ends sooner than the least of the timeouts after it was made or last used.
 */
static __always_inline void expire_in_range(struct expiry *expiry, const struct binding *slice,
					    struct slice_state *state, __u32 protocol)
{
	struct place place = {.slice = slice, .state = state, .protocol = protocol};
	struct expiry_cursor *at = expiry->at;
	struct slot_group *group;
	__u32 index, last;
	int whole;

	if (!range_open(&place.range, slice, protocol)) {
		at->offset = slice->size;
		return;
	}
	index = place.range.first + at->offset;
	last = (index | IN_GROUP) - place.range.first;
	whole = (index & ~IN_GROUP) >= place.range.first && last < slice->size;
	group = block_group(place.range.block, index);
	if (!(index & IN_GROUP)) {
		/* A time further off than anything can live is from another age, or from longer timeouts. */
		if (whole && group && group->due - expiry->now - 1 < expiry->least) {
			at->offset = last + 1;
			return;
		}
		at->earliest = expiry->now + expiry->least;
	}
	place.offset = range_next_taken(&place.range, at->offset);
	at->offset = place.offset <= last ? place.offset + 1 : last + 1;
	if (place.offset <= last && place.offset < slice->size && !expire_slot(expiry, &place))
		at->earliest = expiry->now;
	if (at->offset > last && whole && group)
		group->due = at->earliest;
}

/* The slot of the mapping that an entry of `sessions` belongs to, or NULL where that is gone or another one by now. */
static __always_inline struct slot *mapping_slot(__u64 mapping)
{
	__u32 number = mapping >> MAPPING_SLOT_SHIFT, index = number & (BLOCK_SLOTS - 1);
	void *block = block_lookup(number);
	struct slot_group *group = block ? block_group(block, index) : NULL;
	struct slot *slot = group ? group_slot(group, index) : NULL;
	__u64 owner = slot ? READ_ONCE(slot->owner) : 0;

	return word_state(owner) != WORD_FREE && word_generation(owner) == word_generation(mapping) ? slot : NULL;
}

/*
 * Gives back an entry that expired long enough ago, with what counts it. Caller holds the lock of its slice, so the
 * mapping can be neither flushed nor given another session, and the entry not renewed.
 */
static __always_inline int session_remove(const struct expiry *expiry, struct session_entry *entry, __u64 mapping,
					  struct slice_state *state)
{
	__u32 zero = 0, *total = bpf_map_lookup_elem(&session_use, &zero);
	struct slot *slot = mapping_slot(mapping);

	if (!session_over(expiry, &entry->session) || READ_ONCE(entry->mapping) != mapping)
		return 0;
	if (slot && slot->further)
		WRITE_ONCE(slot->further, slot->further - 1);
	__sync_fetch_and_sub(&state->sessions, 1);
	if (total)
		__sync_fetch_and_sub(total, 1);
	store_release(&entry->mapping, WORD_FREE);
	return 1;
}

/* The lock is tried once: an entry for which it is not had is removed in the next pass. */
static __always_inline void expire_session(struct expiry *expiry)
{
	__u32 index = expiry->at->session, slice;
	struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);
	struct slice_state *state;
	__u64 mapping;
	int removed;

	if (!entry)
		return;
	mapping = READ_ONCE(entry->mapping);
	if (word_state(mapping) != WORD_LIVE)
		return;
	session_time_bound(expiry, &entry->session);
	/* Its mapping was flushed. A program that found it alive may still be running: it dies now and is removed after
	 * the delay. */
	if (session_alive(&entry->session, expiry->now) && !mapping_slot(mapping))
		WRITE_ONCE(entry->session.expires, expiry->now);
	slice = entry->slice;
	state = bpf_map_lookup_elem(&slice_states, &slice);
	if (!session_over(expiry, &entry->session) || !state || !slice_lock_if_free(state))
		return;
	removed = session_remove(expiry, entry, mapping, state);
	slice_unlock(state);
	if (!removed)
		return;
	expiry->freed++;
	count(COUNTER_SESSIONS_EXPIRED, 1);
}

static __always_inline void cursor_next_slice(struct expiry_cursor *at)
{
	at->slice++;
	at->protocol = 0;
	at->offset = 0;
}

static __always_inline void cursor_next_protocol(struct expiry_cursor *at)
{
	at->offset = 0;
	if (++at->protocol >= NAT_PROTOCOLS)
		cursor_next_slice(at);
}

/* One place: a slot, a slice or protocol without mappings skipped whole, or a session. */
static long expiry_step(__u32 turn, struct expiry *expiry)
{
	struct expiry_cursor *at = expiry->at;
	__u32 index = at->slice;

	(void)turn;
	expiry->visited++;
	if (index < expiry->settings->slice_count) {
		struct slice_state *state = bpf_map_lookup_elem(&slice_states, &index);
		struct binding *slice = bpf_map_lookup_elem(&slices, &index);
		__u32 protocol = at->protocol;

		if (!state || !slice || !(state->used[0] | state->used[1] | state->used[2])) {
			cursor_next_slice(at);
			return 0;
		}
		if (protocol >= NAT_PROTOCOLS || !state->used[protocol] || at->offset >= slice->size) {
			cursor_next_protocol(at);
			return 0;
		}
		expire_in_range(expiry, slice, state, protocol);
		return 0;
	}
	if (at->session <= expiry->settings->session_mask) {
		expire_session(expiry);
		at->session++;
		return 0;
	}
	at->slice = 0;
	at->protocol = 0;
	at->offset = 0;
	at->session = 0;
	at->passes++;
	expiry->finished = 1;
	count(COUNTER_EXPIRY_PASSES, 1);
	return 1;
}

static __always_inline __u32 lesser(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline void expiry_advance(struct expiry *expiry, __u32 steps)
{
	const struct settings *s = expiry->settings;

	expiry->now = now_jiffies();
	expiry->least = lesser(lesser(s->udp_timeout, s->icmp_timeout), lesser(s->tcp_transitory, s->tcp_established));
	bpf_loop(steps, expiry_step, expiry, 0);
}

static int expiry_tick(void *map, __u32 *key, struct expiry_cursor *at)
{
	struct expiry expiry = {.at = at};
	__u32 zero = 0;

	(void)map;
	(void)key;
	expiry.settings = bpf_map_lookup_elem(&settings, &zero);
	if (!expiry.settings)
		return 0;
	expiry_advance(&expiry, EXPIRY_STEPS);
	bpf_timer_start(&at->timer, expiry.finished ? EXPIRY_IDLE_NS : EXPIRY_BUSY_NS, 0);
	return 0;
}

/* ---- all slots of a range at once, for a slice that changes hands ---- */

struct flush {
	struct place place;
	__u32 freed;
};

/* The lock of the slice is held. */
static long flush_step(__u32 offset, struct flush *flush)
{
	struct slot *slot = range_slot(&flush->place.range, offset);
	struct chain_node *node = range_chain_node(&flush->place.range, offset);
	__u64 owner;

	if (!slot || !node)
		return 1;
	flush->place.offset = offset;
	owner = READ_ONCE(slot->owner);
	if (word_state(owner) == WORD_LIVE && slot_free(&flush->place, slot, owner))
		flush->freed++;
	/* The next owner of the range hashes elsewhere. */
	if (node->first | node->next) {
		node->first = 0;
		node->next = 0;
	}
	return 0;
}

#endif
