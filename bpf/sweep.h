/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Expired mappings and sessions give back what they hold. A timer in the kernel walks a bounded number of places at a
 * time, with nobody in user space needed; nat_sweep does the same on demand.
 */
#ifndef NATGW_SWEEP_H
#define NATGW_SWEEP_H

#include "counters.h"
#include "maps.h"
#include "sessions.h"
#include "slots.h"

#define SWEEP_STEPS 256		   /* of a chunk: what a packet may have to wait for */
#define SWEEP_BUSY_NS 500000ull	   /* until the next chunk of a pass */
#define OLDEST (1u << 30)	   /* jiffies: half of what can be told from the future */
#define SWEEP_IDLE_NS 200000000ull /* until the next pass */

struct sweep {
	struct settings *settings;
	struct sweeper *at;
	__u32 now;
	__u32 least; /* of the timeouts, jiffies */
	__u32 visited;
	__u32 freed;
	__u32 finished;
};

/* A slot and whose it is. */
struct place {
	const struct slice *slice;
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
static __always_inline void slot_forget(const struct place *place, const struct slot *slot, __u64 owner)
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
	slot_forget(place, slot, owner);
	store_release(&slot->owner, word_make(0, word_generation(owner), WORD_FREE));
	slot_mark_free(&place->range, place->offset); /* from here on it may be taken */
	/* After the slot: a full slice may refuse one packet too many, never find no slot where the count says there is
	 * one. */
	count_down(place->state->used, place->protocol);
	count(COUNTER_MAPPINGS_EXPIRED, 1);
	return 1;
}

/* Whether it expired so long ago that no program is running that found it alive. */
static __always_inline int session_over(const struct sweep *sweep, const struct session *session)
{
	return time_reached(sweep->now, READ_ONCE(session->expires) + sweep->settings->grace);
}

static __always_inline int slot_over(const struct sweep *sweep, const struct slot *slot)
{
	return !READ_ONCE(slot->further) && session_over(sweep, &slot->session);
}

/* The lock is tried once: a mapping for which it is not had is freed in the next pass. */
static __always_inline int slot_expire(const struct sweep *sweep, const struct place *place, struct slot *slot,
				       __u64 owner)
{
	int freed;

	if (!(READ_ONCE(slot->session.flags) & SLOT_OVERFLOW))
		return slot_free(place, slot, owner);
	if (!slice_lock_if_free(place->state))
		return 0;
	freed = slot_over(sweep, slot) && slot_free(place, slot, owner);
	slice_unlock(place->state);
	return freed;
}

/*
 * The session in the slot is dead, others of its mapping live. They may do so for longer than a time of 32 bits tells
 * past from future: dead it must stay. Whoever renews it at this moment wins.
 */
static __always_inline void slot_session_stays_dead(const struct sweep *sweep, struct slot *slot)
{
	__u32 expires = READ_ONCE(slot->session.expires), age = sweep->now - expires;

	if (age >= OLDEST && age < 1u << 31)
		compare_exchange(&slot->session.expires, expires, sweep->now - sweep->settings->grace);
}

/*
 * Two CPUs that meet on a session may leave it in the state that the one saw and with the time that the other set. What
 * is opening, closing or reset must not stay for hours. Whoever sets another time at this moment wins.
 */
static __always_inline void session_time_bound(const struct sweep *sweep, struct session *session)
{
	__u32 state = READ_ONCE(session->tcp) & SESSION_TCP_STATE, expires = READ_ONCE(session->expires);
	__u32 longest = sweep->now + sweep->settings->tcp_transitory;

	if (state == TCP_NONE || state == TCP_ESTABLISHED || state == TCP_FIN_OUT || state == TCP_FIN_IN)
		return;
	if (!time_reached(longest, expires))
		compare_exchange(&session->expires, expires, longest);
}

/* @returns whether the slot need not be looked at again before `at->earliest` */
static __always_inline int sweep_slot(struct sweep *sweep, const struct place *place)
{
	struct slot *slot = range_slot(&place->range, place->offset);
	__u32 due;
	__u64 owner;

	if (!slot)
		return 1;
	owner = READ_ONCE(slot->owner);
	if (word_state(owner) == WORD_FREE)
		return 1;
	if (word_state(owner) == WORD_LIVE && slot_over(sweep, slot)) {
		if (!slot_expire(sweep, place, slot, owner))
			return 0;
		sweep->freed++;
		return 1;
	}
	session_time_bound(sweep, &slot->session);
	due = READ_ONCE(slot->session.expires) + sweep->settings->grace;
	if (time_reached(sweep->now, due)) {
		slot_session_stays_dead(sweep, slot);
		due = sweep->now + sweep->settings->hz / 8; /* its other sessions may end at any time */
	}
	if (time_reached(sweep->at->earliest, due))
		sweep->at->earliest = due;
	return 1;
}

/*
 * The next slot that is taken, or none up to the end of a group. What lives is looked at again when it may expire, not
 * in every pass: nothing ends sooner than the least of the timeouts after it was made or last used.
 */
static __always_inline void sweep_run_on(struct sweep *sweep, const struct slice *slice, struct slice_state *state,
					 __u32 protocol)
{
	struct place place = {.slice = slice, .state = state, .protocol = protocol};
	struct sweeper *at = sweep->at;
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
		if (whole && group && group->due - sweep->now - 1 < sweep->least) {
			at->offset = last + 1;
			return;
		}
		at->earliest = sweep->now + sweep->least;
	}
	place.offset = range_next_taken(&place.range, at->offset);
	at->offset = place.offset <= last ? place.offset + 1 : last + 1;
	if (place.offset <= last && place.offset < slice->size && !sweep_slot(sweep, &place))
		at->earliest = sweep->now;
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
static __always_inline int session_remove(const struct sweep *sweep, struct session_entry *entry, __u64 mapping,
					  struct slice_state *state)
{
	__u32 zero = 0, *total = bpf_map_lookup_elem(&session_use, &zero);
	struct slot *slot = mapping_slot(mapping);

	if (!session_over(sweep, &entry->session) || READ_ONCE(entry->mapping) != mapping)
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
static __always_inline void sweep_session(struct sweep *sweep)
{
	__u32 index = sweep->at->session, slice;
	struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);
	struct slice_state *state;
	__u64 mapping;
	int removed;

	if (!entry)
		return;
	mapping = READ_ONCE(entry->mapping);
	if (word_state(mapping) != WORD_LIVE)
		return;
	session_time_bound(sweep, &entry->session);
	/* Its mapping was flushed. A program that found it alive may still be running: it dies now and is removed after
	 * the delay. */
	if (session_alive(&entry->session, sweep->now) && !mapping_slot(mapping))
		WRITE_ONCE(entry->session.expires, sweep->now);
	slice = entry->slice;
	state = bpf_map_lookup_elem(&slice_states, &slice);
	if (!session_over(sweep, &entry->session) || !state || !slice_lock_if_free(state))
		return;
	removed = session_remove(sweep, entry, mapping, state);
	slice_unlock(state);
	if (!removed)
		return;
	sweep->freed++;
	count(COUNTER_SESSIONS_EXPIRED, 1);
}

static __always_inline void sweep_next_slice(struct sweeper *at)
{
	at->slice++;
	at->protocol = 0;
	at->offset = 0;
}

static __always_inline void sweep_next_protocol(struct sweeper *at)
{
	at->offset = 0;
	if (++at->protocol >= NAT_PROTOCOLS)
		sweep_next_slice(at);
}

/* One place: a slot, a slice or protocol without mappings skipped whole, or a session. */
static long sweep_step(__u32 turn, struct sweep *sweep)
{
	struct sweeper *at = sweep->at;
	__u32 index = at->slice;

	(void)turn;
	sweep->visited++;
	if (index < sweep->settings->slice_count) {
		struct slice_state *state = bpf_map_lookup_elem(&slice_states, &index);
		struct slice *slice = bpf_map_lookup_elem(&slices, &index);
		__u32 protocol = at->protocol;

		if (!state || !slice || !(state->used[0] | state->used[1] | state->used[2])) {
			sweep_next_slice(at);
			return 0;
		}
		if (protocol >= NAT_PROTOCOLS || !state->used[protocol] || at->offset >= slice->size) {
			sweep_next_protocol(at);
			return 0;
		}
		sweep_run_on(sweep, slice, state, protocol);
		return 0;
	}
	if (at->session <= sweep->settings->session_mask) {
		sweep_session(sweep);
		at->session++;
		return 0;
	}
	at->slice = 0;
	at->protocol = 0;
	at->offset = 0;
	at->session = 0;
	at->passes++;
	sweep->finished = 1;
	count(COUNTER_SWEEP_PASSES, 1);
	return 1;
}

static __always_inline __u32 lesser(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline void sweep_run(struct sweep *sweep, __u32 steps)
{
	const struct settings *s = sweep->settings;

	sweep->now = now_jiffies();
	sweep->least = lesser(lesser(s->udp_timeout, s->icmp_timeout), lesser(s->tcp_transitory, s->tcp_established));
	bpf_loop(steps, sweep_step, sweep, 0);
}

static int sweep_tick(void *map, __u32 *key, struct sweeper *at)
{
	struct sweep sweep = {.at = at};
	__u32 zero = 0;

	(void)map;
	(void)key;
	sweep.settings = bpf_map_lookup_elem(&settings, &zero);
	if (!sweep.settings)
		return 0;
	sweep_run(&sweep, SWEEP_STEPS);
	bpf_timer_start(&at->timer, sweep.finished ? SWEEP_IDLE_NS : SWEEP_BUSY_NS, 0);
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
