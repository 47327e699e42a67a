// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"

#include <cstdint>
#include <linux/bpf.h>
#include <memory>
#include <napi.h>
#include <string>
#include <utility>
#include <vector>

namespace natgw
{

/** Keys and values of a map back to back. */
struct Entries {
	std::vector<uint8_t> keys;
	std::vector<uint8_t> values;
	size_t count = 0;
};

/** Memory of an mmapped array, shared by its ArrayBuffer and the map that made it. */
struct Mapping {
	void *address;
	size_t length;

	void Unmap() noexcept;
};

class BpfMap : public Napi::ObjectWrap<BpfMap>, private Handle
{
      public:
	static constexpr napi_type_tag kTag = {0x6e61746777000001, 0xb1f3a0c2d4e5f601};
	static constexpr const char *kName = "BpfMap";

	static Napi::Function Define(Napi::Env env);

	explicit BpfMap(const Napi::CallbackInfo &info);
	~BpfMap() override;

	/** @throws EARG when closed */
	int Fd() const;
	const std::string &Name() const
	{
		return name_;
	}
	void Dispose() noexcept override;

      private:
	static Napi::Value Create(const Napi::CallbackInfo &info);
	static Napi::Value OpenPinned(const Napi::CallbackInfo &info);
	static Napi::Value OpenById(const Napi::CallbackInfo &info);

	Napi::Value Info(const Napi::CallbackInfo &info);
	Napi::Value UserValueSize(const Napi::CallbackInfo &info);
	Napi::Value Lookup(const Napi::CallbackInfo &info);
	void Update(const Napi::CallbackInfo &info);
	void UpdateInner(const Napi::CallbackInfo &info);
	Napi::Value Delete(const Napi::CallbackInfo &info);
	Napi::Value NextKey(const Napi::CallbackInfo &info);
	Napi::Value UpdateBatch(const Napi::CallbackInfo &info);
	Napi::Value DeleteBatch(const Napi::CallbackInfo &info);
	Napi::Value ReadEntries(const Napi::CallbackInfo &info);
	Napi::Value Mmap(const Napi::CallbackInfo &info);
	Napi::Value MmapReadOnly(const Napi::CallbackInfo &info);
	void Pin(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	Napi::Value MapMemory(Napi::Env env, int protection);
	/** Number of entries in bytes that must be whole entries. */
	uint32_t CountOf(size_t bytes, size_t entry, const char *what) const;
	bool ReadByBatch(Entries &entries) const;
	void ReadByKey(Entries &entries) const;

	UniqueFd fd_;
	bpf_map_info info_;
	std::string name_;
	size_t value_size_; // as user space sees it
	std::vector<std::pair<std::shared_ptr<Mapping>, Napi::Reference<Napi::ArrayBuffer>>> mappings_;
};

} // namespace natgw
