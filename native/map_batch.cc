// SPDX-License-Identifier: Apache-2.0
#include "map.h"

#include "bytes.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <cerrno>
#include <string_view>
#include <unordered_set>

namespace natgw
{

namespace
{

constexpr int kENotSupp = 524;
constexpr size_t kChunkBytes = 4 << 20;

bpf_map_batch_opts BatchOpts(uint64_t flags)
{
	bpf_map_batch_opts opts{};
	opts.sz = sizeof(opts);
	opts.elem_flags = flags;
	return opts;
}

/** The map type has no such batch, or refuses these flags in one: element by element may still work. */
bool NeedsSingles(int error)
{
	return error == -EOPNOTSUPP || error == -kENotSupp || error == -EINVAL;
}

/** Concurrent deletions can make the kernel begin a walk anew: keeps each key once. */
void DropRepeats(Entries &entries, size_t key_size, size_t value_size)
{
	std::unordered_set<std::string_view> seen(entries.count);
	size_t kept = 0;
	for (size_t i = 0; i < entries.count; i++) {
		uint8_t *key = entries.keys.data() + i * key_size;
		uint8_t *target = entries.keys.data() + kept * key_size;
		if (seen.contains({reinterpret_cast<char *>(key), key_size}))
			continue;
		if (kept != i) {
			memcpy(target, key, key_size);
			memcpy(entries.values.data() + kept * value_size, entries.values.data() + i * value_size,
			       value_size);
		}
		seen.insert({reinterpret_cast<char *>(target), key_size});
		kept++;
	}
	entries.count = kept;
}

} // namespace

uint32_t BpfMap::CountOf(size_t bytes, size_t entry, const char *what) const
{
	if (entry == 0 || bytes % entry != 0)
		ThrowArg(Env(), std::string(what) + " has " + std::to_string(bytes) + " bytes, not a multiple of " +
				    std::to_string(entry));
	if (bytes / entry > UINT32_MAX)
		ThrowArg(Env(), std::string(what) + " holds too many entries");
	return static_cast<uint32_t>(bytes / entry);
}

Napi::Value BpfMap::UpdateBatch(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	uint32_t flags = Uint32ArgOr(info[2], "flags", BPF_ANY);
	Bytes keys = BytesArg(info[0], "keys");
	Bytes values = BytesArg(info[1], "values");
	uint32_t count = CountOf(keys.size, info_.key_size, "keys");
	if (values.size != count * value_size_)
		ThrowArg(env, "values has " + std::to_string(values.size) + " bytes, must have " +
				  std::to_string(count * value_size_) + " for " + std::to_string(count) + " keys");
	uint32_t done = 0;
	// The kernel takes only BPF_F_LOCK in a batch: BPF_NOEXIST and BPF_EXIST go one by one.
	int error = count == 0 ? 0 : -EINVAL;
	if (count > 0 && (flags & ~static_cast<uint32_t>(BPF_F_LOCK)) == 0) {
		bpf_map_batch_opts opts = BatchOpts(flags);
		done = count;
		error = bpf_map_update_batch(fd, keys.data, values.data, &done, &opts);
		// Refused as a whole, the kernel leaves the count as it was given.
		if (error != 0 && done >= count)
			done = 0;
	}
	if (NeedsSingles(error)) {
		for (error = 0; done < count && error == 0; done += error == 0)
			error = bpf_map_update_elem(fd, keys.data + done * size_t{info_.key_size},
						    values.data + done * value_size_, flags);
	}
	if (error != 0)
		ThrowErrnoAfter(env, -error, "bpf_map_update_batch",
				"update map " + name_ + " (" + std::to_string(done) + " of " + std::to_string(count) +
				    " entries written)",
				done);
	return Napi::Number::New(env, count);
}

void BpfMap::UpdateInner(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	if (info_.type != BPF_MAP_TYPE_ARRAY_OF_MAPS && info_.type != BPF_MAP_TYPE_HASH_OF_MAPS)
		ThrowArg(env, "map " + name_ + " is not a map of maps");
	Bytes keys = BytesArg(info[0], "keys");
	uint32_t count = CountOf(keys.size, info_.key_size, "keys");
	if (!info[1].IsArray() || info[1].As<Napi::Array>().Length() != count)
		ThrowArg(env, "inner must be an array of " + std::to_string(count) + " maps, as there are keys");
	std::vector<int> inner(count);
	for (uint32_t at = 0; at < count; at++)
		inner[at] = UnwrapArg<BpfMap>(info[1].As<Napi::Array>().Get(at), "inner").Fd();
	if (count == 0)
		return;
	// One call for all: the kernel waits for running programs once a call, not once a map.
	bpf_map_batch_opts opts = BatchOpts(0);
	uint32_t done = count;
	int error = bpf_map_update_batch(fd, keys.data, inner.data(), &done, &opts);
	if (error != 0 && done >= count)
		done = 0;
	if (NeedsSingles(error)) {
		for (error = 0; done < count && error == 0; done += error == 0)
			error =
			    bpf_map_update_elem(fd, keys.data + done * size_t{info_.key_size}, &inner[done], BPF_ANY);
	}
	if (error != 0)
		ThrowErrnoAfter(env, -error, "bpf_map_update_batch", "put inner maps into " + name_, done);
}

Napi::Value BpfMap::DeleteBatch(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	Bytes keys = BytesArg(info[0], "keys");
	uint32_t count = CountOf(keys.size, info_.key_size, "keys");
	bpf_map_batch_opts opts = BatchOpts(0);
	uint32_t deleted = 0;
	bool batch = true;
	for (uint32_t at = 0; at < count;) {
		uint8_t *key = keys.data + at * size_t{info_.key_size};
		uint32_t done = batch ? count - at : 0;
		int error = batch ? bpf_map_delete_batch(fd, key, &done, &opts) : bpf_map_delete_elem(fd, key);
		if (batch && error != 0 && done >= count - at)
			done = 0;
		if (batch && NeedsSingles(error)) {
			batch = false;
			deleted += done;
			at += done;
			continue;
		}
		if (!batch && error == 0)
			done = 1;
		deleted += done;
		at += done;
		if (error == -ENOENT)
			at++;
		else if (error != 0)
			ThrowErrnoAfter(env, -error, "bpf_map_delete_batch",
					"delete from map " + name_ + " (" + std::to_string(deleted) + " of " +
					    std::to_string(count) + " entries deleted)",
					deleted);
	}
	return Napi::Number::New(env, deleted);
}

bool BpfMap::ReadByBatch(Entries &entries) const
{
	int fd = Fd();
	const size_t key_size = info_.key_size;
	const size_t entry_size = key_size + value_size_;
	size_t chunk = std::clamp<size_t>(info_.max_entries, 1, std::max<size_t>(kChunkBytes / entry_size, 64));
	// The position is a bucket number (hash) or a key (others).
	std::vector<uint8_t> position(std::max<size_t>(key_size, 8)), next(position.size());
	bpf_map_batch_opts opts = BatchOpts(0);
	// Only a walk that keeps beginning anew reads that many.
	const size_t limit = 4 * (size_t{info_.max_entries} + chunk);
	bool first = true;
	for (int idle = 0; entries.count < limit && idle < 16;) {
		entries.keys.resize((entries.count + chunk) * key_size);
		entries.values.resize((entries.count + chunk) * value_size_);
		uint32_t count = static_cast<uint32_t>(chunk);
		int error = bpf_map_lookup_batch(fd, first ? nullptr : position.data(), next.data(),
						 entries.keys.data() + entries.count * key_size,
						 entries.values.data() + entries.count * value_size_, &count, &opts);
		if (NeedsSingles(error))
			return false;
		if (error == -ENOSPC) {
			// One bucket holds more than a chunk; nothing of it was read.
			chunk *= 2;
			continue;
		}
		if (error != 0 && error != -ENOENT && error != -EINTR)
			ThrowErrno(Env(), -error, "bpf_map_lookup_batch", "read map " + name_);
		entries.count += count;
		if (error == -ENOENT)
			return true;
		// Interrupted by concurrent deletions, the kernel says how far it came, if anywhere.
		idle = count == 0 ? idle + 1 : 0;
		if (error == 0 || count > 0) {
			std::swap(position, next);
			first = false;
		}
	}
	return false;
}

void BpfMap::ReadByKey(Entries &entries) const
{
	int fd = Fd();
	const size_t key_size = info_.key_size;
	const size_t limit = 4 * size_t{info_.max_entries} + 1024;
	std::vector<uint8_t> key(key_size), value(value_size_);
	bool first = true;
	for (size_t steps = 0; steps < limit; steps++) {
		std::vector<uint8_t> next(key_size);
		int error = bpf_map_get_next_key(fd, first ? nullptr : key.data(), next.data());
		if (error == -ENOENT)
			break;
		if (error != 0)
			ThrowErrno(Env(), -error, "bpf_map_get_next_key", "read map " + name_);
		key.swap(next);
		first = false;
		error = bpf_map_lookup_elem(fd, key.data(), value.data());
		if (error == -ENOENT)
			continue;
		if (error != 0)
			ThrowErrno(Env(), -error, "bpf_map_lookup_elem", "read map " + name_);
		entries.keys.insert(entries.keys.end(), key.begin(), key.end());
		entries.values.insert(entries.values.end(), value.begin(), value.end());
		entries.count++;
	}
}

Napi::Value BpfMap::ReadEntries(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Fd();
	if (info_.key_size == 0)
		ThrowArg(env, "map " + name_ + " has no keys");
	Entries entries;
	bool by_batch = ReadByBatch(entries);
	if (!by_batch) {
		entries = Entries{};
		ReadByKey(entries);
	}
	// A hash is read bucket by bucket and an array loses no entries; only these walks can repeat themselves.
	if (!by_batch || info_.type == BPF_MAP_TYPE_LPM_TRIE)
		DropRepeats(entries, info_.key_size, value_size_);
	Napi::Object result = Napi::Object::New(env);
	result.Set("keys", NewBytes(env, entries.keys.data(), entries.count * info_.key_size));
	result.Set("values", NewBytes(env, entries.values.data(), entries.count * value_size_));
	result.Set("count", static_cast<double>(entries.count));
	return result;
}

} // namespace natgw
