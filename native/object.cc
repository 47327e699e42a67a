// SPDX-License-Identifier: Apache-2.0
#include "object.h"

#include "bytes.h"
#include "map.h"

#include <bpf/bpf.h>
#include <cerrno>

namespace natgw
{

Napi::Function BpfObject::Define(Napi::Env env)
{
	return DefineClass(env, "BpfObject",
			   {
			       InstanceAccessor<&BpfObject::MapNames>("mapNames"),
			       InstanceAccessor<&BpfObject::ProgramNames>("programNames"),
			       InstanceMethod<&BpfObject::SetMaxEntries>("setMaxEntries"),
			       InstanceMethod<&BpfObject::ReuseMap>("reuseMap"),
			       InstanceMethod<&BpfObject::SetInnerMap>("setInnerMap"),
			       InstanceMethod<&BpfObject::SkipProgram>("skipProgram"),
			       InstanceMethod<&BpfObject::Load>("load"),
			       InstanceMethod<&BpfObject::MapByName>("map"),
			       InstanceMethod<&BpfObject::ProgramByName>("program"),
			       InstanceMethod<&BpfObject::Close>("close"),
			   });
}

BpfObject::BpfObject(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfObject>(info), Handle(AddonData::Of(info.Env()).registry)
{
	Napi::Env env = info.Env();
	Bytes bytes = BytesArg(info[0], "bytes");
	name_ = StringArg(info[1], "name");
	if (bytes.size == 0)
		ThrowArg(env, "bytes is empty");
	// libelf reads headers in place, which a view at an odd offset would misalign.
	std::vector<uint8_t> elf(bytes.data, bytes.data + bytes.size);
	bpf_object_open_opts opts{};
	opts.sz = sizeof(opts);
	opts.object_name = name_.c_str();
	LogCapture log;
	object_ = bpf_object__open_mem(elf.data(), elf.size(), &opts);
	if (object_ == nullptr)
		ThrowErrno(env, errno, "bpf_object_open", "open BPF object " + name_, log.text);
}

BpfObject::~BpfObject()
{
	Dispose();
}

void BpfObject::Dispose() noexcept
{
	bpf_object__close(std::exchange(object_, nullptr));
	inner_maps_.clear();
}

bpf_object *BpfObject::Open() const
{
	if (object_ == nullptr)
		ThrowArg(Env(), "object " + name_ + " is closed");
	return object_;
}

bpf_object *BpfObject::Unloaded() const
{
	if (load_tried_)
		ThrowArg(Env(), "object " + name_ + " was loaded already");
	return Open();
}

bpf_map *BpfObject::MapArg(const Napi::Value &value) const
{
	bpf_object *object = Open();
	std::string name = StringArg(value, "map");
	bpf_map *map = bpf_object__find_map_by_name(object, name.c_str());
	if (map == nullptr)
		ThrowErrno(Env(), ENOENT, "bpf_object_find_map", "map " + name + " of object " + name_);
	return map;
}

bpf_program *BpfObject::ProgramArg(const Napi::Value &value) const
{
	bpf_object *object = Open();
	std::string name = StringArg(value, "program");
	bpf_program *program = bpf_object__find_program_by_name(object, name.c_str());
	if (program == nullptr)
		ThrowErrno(Env(), ENOENT, "bpf_object_find_program", "program " + name + " of object " + name_);
	return program;
}

Napi::Value BpfObject::MapNames(const Napi::CallbackInfo &info)
{
	Napi::Array names = Napi::Array::New(info.Env());
	for (bpf_map *map = bpf_object__next_map(Open(), nullptr); map != nullptr;
	     map = bpf_object__next_map(object_, map))
		names.Set(names.Length(), Napi::String::New(info.Env(), bpf_map__name(map)));
	return names;
}

Napi::Value BpfObject::ProgramNames(const Napi::CallbackInfo &info)
{
	Napi::Array names = Napi::Array::New(info.Env());
	for (bpf_program *program = bpf_object__next_program(Open(), nullptr); program != nullptr;
	     program = bpf_object__next_program(object_, program))
		names.Set(names.Length(), Napi::String::New(info.Env(), bpf_program__name(program)));
	return names;
}

void BpfObject::SetMaxEntries(const Napi::CallbackInfo &info)
{
	Unloaded();
	bpf_map *map = MapArg(info[0]);
	int error = bpf_map__set_max_entries(map, Uint32Arg(info[1], "maxEntries"));
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_map_set_max_entries",
			   std::string("resize map ") + bpf_map__name(map));
}

void BpfObject::ReuseMap(const Napi::CallbackInfo &info)
{
	Unloaded();
	bpf_map *map = MapArg(info[0]);
	int fd = UnwrapArg<BpfMap>(info[1], "existing").Fd();
	LogCapture log;
	int error = bpf_map__reuse_fd(map, fd);
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_map_reuse_fd", std::string("reuse map ") + bpf_map__name(map),
			   log.text);
}

void BpfObject::SetInnerMap(const Napi::CallbackInfo &info)
{
	Unloaded();
	bpf_map *map = MapArg(info[0]);
	UniqueFd inner = UniqueFd::Duplicate(UnwrapArg<BpfMap>(info[1], "inner").Fd());
	if (!inner.Valid())
		ThrowErrno(info.Env(), errno, "fcntl", "duplicate a descriptor");
	LogCapture log;
	int error = bpf_map__set_inner_map_fd(map, inner.Get());
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_map_set_inner_map_fd",
			   std::string("set the inner map of ") + bpf_map__name(map), log.text);
	inner_maps_.push_back(std::move(inner));
}

void BpfObject::SkipProgram(const Napi::CallbackInfo &info)
{
	Unloaded();
	bpf_program *program = ProgramArg(info[0]);
	int error = bpf_program__set_autoload(program, false);
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_program_set_autoload",
			   std::string("skip program ") + bpf_program__name(program));
}

void BpfObject::Load(const Napi::CallbackInfo &info)
{
	bpf_object *object = Unloaded();
	load_tried_ = true;
	// Left to itself, libbpf asks for the verifier's log only after a failure, in a buffer that grows from 16 MB
	// until the log fits, and prints all of it.
	LogCapture log;
	int error = bpf_object__load(object);
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_object_load", "load BPF object " + name_, log.text);
}

Napi::Value BpfObject::MapByName(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	bpf_map *map = MapArg(info[0]);
	if (bpf_map__fd(map) < 0)
		ThrowArg(env, "object " + name_ + " is not loaded");
	UniqueFd fd = UniqueFd::Duplicate(bpf_map__fd(map));
	if (!fd.Valid())
		ThrowErrno(env, errno, "fcntl", "duplicate a descriptor");
	return NewFromFd(env, AddonData::Of(env).map, std::move(fd));
}

Napi::Value BpfObject::ProgramByName(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	bpf_program *program = ProgramArg(info[0]);
	if (bpf_program__fd(program) < 0)
		ThrowArg(env, std::string("program ") + bpf_program__name(program) + " is not loaded");
	UniqueFd fd = UniqueFd::Duplicate(bpf_program__fd(program));
	if (!fd.Valid())
		ThrowErrno(env, errno, "fcntl", "duplicate a descriptor");
	return NewFromFd(env, AddonData::Of(env).program, std::move(fd));
}

void BpfObject::Close(const Napi::CallbackInfo &)
{
	Dispose();
}

} // namespace natgw
