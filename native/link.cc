// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include "bytes.h"
#include "kernel_object.h"
#include "program.h"

#include <bpf/bpf.h>

namespace natgw
{

Napi::Function BpfLink::Define(Napi::Env env)
{
	return DefineClass(env, kName,
			   {
			       StaticMethod<&BpfLink::OpenPinned>("openPinned"),
			       InstanceAccessor<&BpfLink::Info>("info"),
			       InstanceMethod<&BpfLink::Update>("update"),
			       InstanceMethod<&BpfLink::Pin>("pin"),
			       InstanceMethod<&BpfLink::Detach>("detach"),
			       InstanceMethod<&BpfLink::Close>("close"),
			   });
}

BpfLink::BpfLink(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfLink>(info), Handle(AddonData::Of(info.Env()).registry), fd_(FdOfConstructor(info, kName))
{
}

BpfLink::~BpfLink() = default;

Napi::Value BpfLink::OpenPinned(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	return NewFromFd(env, AddonData::Of(env).link, OpenPinnedFd(env, StringArg(info[0], "path"), "bpf-link"));
}

int BpfLink::Fd() const
{
	if (!fd_.Valid())
		ThrowArg(Env(), "link is closed");
	return fd_.Get();
}

void BpfLink::Dispose() noexcept
{
	fd_.Reset();
}

Napi::Value BpfLink::Info(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	auto kernel = InfoOf<bpf_link_info>(env, Fd(), "a link");
	Napi::Object result = Napi::Object::New(env);
	result.Set("id", kernel.id);
	result.Set("type", kernel.type);
	result.Set("programId", kernel.prog_id);
	result.Set("ifindex", kernel.type == BPF_LINK_TYPE_XDP ? kernel.xdp.ifindex : 0);
	return result;
}

void BpfLink::Update(const Napi::CallbackInfo &info)
{
	int fd = Fd();
	BpfProgram &program = UnwrapArg<BpfProgram>(info[0], "program");
	int error = bpf_link_update(fd, program.Fd(), nullptr);
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_link_update", "replace a link's program by " + program.Name());
}

void BpfLink::Pin(const Napi::CallbackInfo &info)
{
	PinFd(info.Env(), Fd(), StringArg(info[0], "path"));
}

void BpfLink::Detach(const Napi::CallbackInfo &info)
{
	int error = bpf_link_detach(Fd());
	if (error != 0)
		ThrowErrno(info.Env(), -error, "bpf_link_detach", "detach a link");
}

void BpfLink::Close(const Napi::CallbackInfo &)
{
	Dispose();
}

} // namespace natgw
