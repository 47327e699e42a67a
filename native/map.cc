// SPDX-License-Identifier: Apache-2.0
#include "map.h"

#include "bytes.h"
#include "kernel_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace natgw
{

namespace
{

bool IsPerCpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

size_t UserSizeOf(Napi::Env env, const bpf_map_info &info)
{
	if (!IsPerCpu(info.type))
		return info.value_size;
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		ThrowErrno(env, -cpus, "libbpf_num_possible_cpus", "possible CPUs");
	return (static_cast<size_t>(info.value_size) + 7) / 8 * 8 * static_cast<size_t>(cpus);
}

} // namespace

Napi::Function BpfMap::Define(Napi::Env env)
{
	return DefineClass(env, kName,
			   {
			       StaticMethod<&BpfMap::Create>("create"),
			       StaticMethod<&BpfMap::OpenPinned>("openPinned"),
			       StaticMethod<&BpfMap::OpenById>("openById"),
			       InstanceAccessor<&BpfMap::Info>("info"),
			       InstanceAccessor<&BpfMap::UserValueSize>("userValueSize"),
			       InstanceMethod<&BpfMap::Lookup>("lookup"),
			       InstanceMethod<&BpfMap::Update>("update"),
			       InstanceMethod<&BpfMap::UpdateInner>("updateInner"),
			       InstanceMethod<&BpfMap::Delete>("delete"),
			       InstanceMethod<&BpfMap::NextKey>("nextKey"),
			       InstanceMethod<&BpfMap::UpdateBatch>("updateBatch"),
			       InstanceMethod<&BpfMap::DeleteBatch>("deleteBatch"),
			       InstanceMethod<&BpfMap::ReadEntries>("entries"),
			       InstanceMethod<&BpfMap::Mmap>("mmap"),
			       // load-native.ts takes it away: who can store into its memory ends the process.
			       InstanceMethod<&BpfMap::MmapReadOnly>("mmapReadOnly", napi_configurable),
			       InstanceMethod<&BpfMap::Pin>("pin"),
			       InstanceMethod<&BpfMap::Close>("close"),
			   });
}

BpfMap::BpfMap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfMap>(info), Handle(AddonData::Of(info.Env()).registry), fd_(FdOfConstructor(info, kName)),
      info_(InfoOf<bpf_map_info>(info.Env(), fd_.Get(), "a map")), name_(info_.name),
      value_size_(UserSizeOf(info.Env(), info_))
{
	info.This().As<Napi::Object>().TypeTag(&kTag);
}

BpfMap::~BpfMap() = default;

Napi::Value BpfMap::Create(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	if (!info[0].IsObject())
		ThrowArg(env, "options must be an object");
	Napi::Object options = info[0].As<Napi::Object>();
	std::string name = StringArg(options.Get("name"), "name");
	uint32_t type = Uint32Arg(options.Get("type"), "type");
	uint32_t key_size = Uint32Arg(options.Get("keySize"), "keySize");
	uint32_t value_size = Uint32Arg(options.Get("valueSize"), "valueSize");
	uint32_t max_entries = Uint32Arg(options.Get("maxEntries"), "maxEntries");
	bpf_map_create_opts opts{};
	opts.sz = sizeof(opts);
	opts.map_flags = Uint32ArgOr(options.Get("flags"), "flags", 0);
	Napi::Value inner = options.Get("inner");
	if (!inner.IsUndefined())
		opts.inner_map_fd = static_cast<uint32_t>(UnwrapArg<BpfMap>(inner, "inner").Fd());
	int fd = bpf_map_create(static_cast<enum bpf_map_type>(type), name.c_str(), key_size, value_size, max_entries,
				&opts);
	if (fd < 0)
		ThrowErrno(env, -fd, "bpf_map_create", "create map " + name);
	return NewFromFd(env, AddonData::Of(env).map, UniqueFd(fd));
}

Napi::Value BpfMap::OpenPinned(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	return NewFromFd(env, AddonData::Of(env).map, OpenPinnedFd(env, StringArg(info[0], "path"), "bpf-map"));
}

Napi::Value BpfMap::OpenById(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	uint32_t id = Uint32Arg(info[0], "id");
	int fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		ThrowErrno(env, -fd, "bpf_map_get_fd_by_id", "open map of id " + std::to_string(id));
	return NewFromFd(env, AddonData::Of(env).map, UniqueFd(fd));
}

int BpfMap::Fd() const
{
	if (!fd_.Valid())
		ThrowArg(Env(), "map " + name_ + " is closed");
	return fd_.Get();
}

void BpfMap::Dispose() noexcept
{
	fd_.Reset();
}

Napi::Value BpfMap::Info(const Napi::CallbackInfo &info)
{
	Fd();
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("id", info_.id);
	result.Set("name", name_);
	result.Set("type", info_.type);
	result.Set("keySize", info_.key_size);
	result.Set("valueSize", info_.value_size);
	result.Set("maxEntries", info_.max_entries);
	result.Set("flags", info_.map_flags);
	return result;
}

Napi::Value BpfMap::UserValueSize(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), static_cast<double>(value_size_));
}

Napi::Value BpfMap::Lookup(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	Napi::Uint8Array value = Napi::Uint8Array::New(env, value_size_);
	Bytes key = BytesArg(info[0], "key", info_.key_size);
	int error = bpf_map_lookup_elem(fd, key.data, value.Data());
	if (error == -ENOENT)
		return env.Undefined();
	if (error != 0)
		ThrowErrno(env, -error, "bpf_map_lookup_elem", "look up in map " + name_);
	return value;
}

void BpfMap::Update(const Napi::CallbackInfo &info)
{
	int fd = Fd();
	Bytes key = BytesArg(info[0], "key", info_.key_size);
	Bytes value = BytesArg(info[1], "value", value_size_);
	int error = bpf_map_update_elem(fd, key.data, value.data, Uint32ArgOr(info[2], "flags", BPF_ANY));
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_map_update_elem", "update map " + name_);
}

Napi::Value BpfMap::Delete(const Napi::CallbackInfo &info)
{
	int fd = Fd();
	Bytes key = BytesArg(info[0], "key", info_.key_size);
	int error = bpf_map_delete_elem(fd, key.data);
	if (error != 0 && error != -ENOENT)
		ThrowErrno(info.Env(), -error, "bpf_map_delete_elem", "delete from map " + name_);
	return Napi::Boolean::New(info.Env(), error == 0);
}

Napi::Value BpfMap::NextKey(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	Napi::Uint8Array next = Napi::Uint8Array::New(env, info_.key_size);
	const uint8_t *previous = info[0].IsNull() ? nullptr : BytesArg(info[0], "key", info_.key_size).data;
	int error = bpf_map_get_next_key(fd, previous, next.Data());
	if (error == -ENOENT)
		return env.Undefined();
	if (error != 0)
		ThrowErrno(env, -error, "bpf_map_get_next_key", "walk map " + name_);
	return next;
}

void BpfMap::Pin(const Napi::CallbackInfo &info)
{
	PinFd(info.Env(), Fd(), StringArg(info[0], "path"));
}

} // namespace natgw
