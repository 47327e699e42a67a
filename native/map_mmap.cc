// SPDX-License-Identifier: Apache-2.0
#include "map.h"

#include "error.h"

#include <cerrno>
#include <sys/mman.h>

namespace natgw
{

void Mapping::Unmap() noexcept
{
	if (address != nullptr)
		munmap(std::exchange(address, nullptr), length);
}

Napi::Value BpfMap::Mmap(const Napi::CallbackInfo &info)
{
	return MapMemory(info.Env(), PROT_READ | PROT_WRITE);
}

Napi::Value BpfMap::MmapReadOnly(const Napi::CallbackInfo &info)
{
	return MapMemory(info.Env(), PROT_READ);
}

Napi::Value BpfMap::MapMemory(Napi::Env env, int protection)
{
	int fd = Fd();
	if (info_.type != BPF_MAP_TYPE_ARRAY || (info_.map_flags & BPF_F_MMAPABLE) == 0)
		ThrowArg(env, "map " + name_ + " is not a mmapable array");
	size_t size = (size_t{info_.value_size} + 7) / 8 * 8 * info_.max_entries;
	void *address = mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
	if (address == MAP_FAILED)
		ThrowErrno(env, errno, "mmap", "mmap map " + name_);
	auto mapping = std::make_shared<Mapping>(Mapping{address, size});
	auto *held = new std::shared_ptr<Mapping>(mapping);
	// A finalizer may run long after close() has detached the buffer and unmapped it.
	auto finalize = [](Napi::BasicEnv, void *, std::shared_ptr<Mapping> *mine) {
		(*mine)->Unmap();
		delete mine;
	};
	Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, address, size, finalize, held);
	std::erase_if(mappings_, [](const auto &entry) { return entry.first->address == nullptr; });
	mappings_.emplace_back(std::move(mapping), Napi::Weak(buffer));
	return buffer;
}

void BpfMap::Close(const Napi::CallbackInfo &info)
{
	Napi::HandleScope scope(info.Env());
	// Detached first: views of unmapped memory would fault on their next use. A buffer that was detached already
	// lives on elsewhere, in a worker that it was transferred to: its finalizer unmaps it.
	for (auto &[mapping, reference] : mappings_) {
		Napi::ArrayBuffer buffer = reference.Value();
		if (buffer.IsEmpty() || buffer.IsDetached())
			continue;
		buffer.Detach();
		mapping->Unmap();
	}
	mappings_.clear();
	Dispose();
}

} // namespace natgw
