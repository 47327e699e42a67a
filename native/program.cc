// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include "bytes.h"
#include "kernel_object.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <csignal>
#include <linux/if_link.h>
#include <memory>
#include <vector>

namespace natgw
{

namespace
{

// The kernel refuses more for any program type; keeps a wrong dataOutSize from allocating gigabytes.
constexpr uint32_t kMaxData = 16 << 20;
// XDP programs may grow a frame by its headroom.
constexpr uint32_t kHeadroom = 256;
constexpr int kInterruptedTries = 10;

std::string Hex(const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	std::string text;
	for (size_t i = 0; i < size; i++) {
		text += digits[bytes[i] >> 4];
		text += digits[bytes[i] & 15];
	}
	return text;
}

/** A signal (of a child's end, say) would end a repeated run with EINTR somewhere in the middle. */
class SignalsHeld
{
      public:
	SignalsHeld()
	{
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before_);
	}
	~SignalsHeld()
	{
		pthread_sigmask(SIG_SETMASK, &before_, nullptr);
	}

      private:
	sigset_t before_;
};

std::vector<uint8_t> CopyOf(const Napi::Value &value, const char *what)
{
	if (value.IsUndefined())
		return {};
	Bytes bytes = BytesArg(value, what);
	if (bytes.size > kMaxData)
		ThrowArg(value.Env(), std::string(what) + " is too large");
	return std::vector<uint8_t>(bytes.data, bytes.data + bytes.size);
}

} // namespace

Napi::Function BpfProgram::Define(Napi::Env env)
{
	return DefineClass(env, kName,
			   {
			       StaticMethod<&BpfProgram::OpenPinned>("openPinned"),
			       StaticMethod<&BpfProgram::OpenById>("openById"),
			       InstanceAccessor<&BpfProgram::Info>("info"),
			       InstanceMethod<&BpfProgram::TestRun>("testRun"),
			       InstanceMethod<&BpfProgram::AttachXdp>("attachXdp"),
			       InstanceMethod<&BpfProgram::AttachTracepoint>("attachTracepoint"),
			       InstanceMethod<&BpfProgram::Pin>("pin"),
			       InstanceMethod<&BpfProgram::Close>("close"),
			   });
}

BpfProgram::BpfProgram(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfProgram>(info), Handle(AddonData::Of(info.Env()).registry), fd_(FdOfConstructor(info, kName))
{
	auto kernel = InfoOf<bpf_prog_info>(info.Env(), fd_.Get(), "a program");
	name_ = kernel.name;
	type_ = kernel.type;
	info.This().As<Napi::Object>().TypeTag(&kTag);
}

BpfProgram::~BpfProgram() = default;

Napi::Value BpfProgram::OpenPinned(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	return NewFromFd(env, AddonData::Of(env).program, OpenPinnedFd(env, StringArg(info[0], "path"), "bpf-prog"));
}

Napi::Value BpfProgram::OpenById(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	uint32_t id = Uint32Arg(info[0], "id");
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		ThrowErrno(env, -fd, "bpf_prog_get_fd_by_id", "open program of id " + std::to_string(id));
	return NewFromFd(env, AddonData::Of(env).program, UniqueFd(fd));
}

int BpfProgram::Fd() const
{
	if (!fd_.Valid())
		ThrowArg(Env(), "program " + name_ + " is closed");
	return fd_.Get();
}

void BpfProgram::Dispose() noexcept
{
	fd_.Reset();
}

Napi::Value BpfProgram::Info(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	auto kernel = InfoOf<bpf_prog_info>(env, Fd(), "a program");
	Napi::Object result = Napi::Object::New(env);
	result.Set("id", kernel.id);
	result.Set("name", name_);
	result.Set("type", kernel.type);
	result.Set("tag", Hex(kernel.tag, sizeof(kernel.tag)));
	result.Set("loadedAtNs", Napi::BigInt::New(env, static_cast<uint64_t>(kernel.load_time)));
	return result;
}

Napi::Value BpfProgram::TestRun(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	if (!info[0].IsObject())
		ThrowArg(env, "options must be an object");
	Napi::Object options = info[0].As<Napi::Object>();
	// Copies: getters of the options may run JavaScript that detaches what was read before.
	const std::vector<uint8_t> data_in = CopyOf(options.Get("data"), "data");
	std::vector<uint8_t> ctx = CopyOf(options.Get("ctx"), "ctx");
	bpf_test_run_opts opts{};
	opts.sz = sizeof(opts);
	opts.repeat = static_cast<int>(Uint32ArgOr(options.Get("repeat"), "repeat", 0, INT32_MAX));
	opts.flags = Uint32ArgOr(options.Get("flags"), "flags", 0);
	opts.batch_size = Uint32ArgOr(options.Get("batchSize"), "batchSize", 0);
	uint32_t room = std::min(
	    Uint32ArgOr(options.Get("dataOutSize"), "dataOutSize", static_cast<uint32_t>(data_in.size()) + kHeadroom),
	    kMaxData);

	const bool syscall = type_ == BPF_PROG_TYPE_SYSCALL;
	// Live frames leave for the network: there is no packet, nor a context, to give back.
	const bool live = (opts.flags & BPF_F_TEST_XDP_LIVE_FRAMES) != 0;
	std::unique_ptr<uint8_t[]> data_out;
	std::vector<uint8_t> ctx_out;
	if (!data_in.empty()) {
		opts.data_in = data_in.data();
		opts.data_size_in = static_cast<uint32_t>(data_in.size());
		if (!live && room > 0) {
			data_out = std::make_unique_for_overwrite<uint8_t[]>(room);
			opts.data_out = data_out.get();
		}
	}
	if (!ctx.empty()) {
		opts.ctx_in = ctx.data();
		opts.ctx_size_in = static_cast<uint32_t>(ctx.size());
		// A syscall program's context comes back in place, and the kernel refuses a second buffer.
		if (!syscall && !live) {
			ctx_out.resize(ctx.size());
			opts.ctx_out = ctx_out.data();
		}
	}
	int fd = Fd();
	int error;
	{
		SignalsHeld held;
		// Work the kernel queues for the thread itself interrupts too, and cannot be held.
		int tries = 0;
		do {
			opts.data_size_out = data_out ? room : 0;
			opts.ctx_size_out = static_cast<uint32_t>(ctx_out.size());
			error = bpf_prog_test_run_opts(fd, &opts);
		} while (error == -EINTR && ++tries < kInterruptedTries);
	}
	if (error != 0)
		ThrowErrno(env, -error, "bpf_prog_test_run", "test run of program " + name_);

	Napi::Object result = Napi::Object::New(env);
	result.Set("retval", opts.retval);
	result.Set("data", NewBytes(env, data_out.get(), data_out ? std::min(opts.data_size_out, room) : 0));
	if (syscall)
		result.Set("ctx", NewBytes(env, ctx.data(), ctx.size()));
	else
		result.Set("ctx", NewBytes(env, ctx_out.data(), std::min<size_t>(opts.ctx_size_out, ctx_out.size())));
	result.Set("durationNs", opts.duration);
	return result;
}

Napi::Value BpfProgram::AttachXdp(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = Fd();
	uint32_t ifindex = Uint32Arg(info[0], "ifindex", INT32_MAX);
	std::string mode = StringArg(info[1], "mode");
	if (mode != "native" && mode != "generic")
		ThrowArg(env, "mode must be 'native' or 'generic'");
	bpf_link_create_opts opts{};
	opts.sz = sizeof(opts);
	opts.flags = mode == "native" ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	int link = bpf_link_create(fd, static_cast<int>(ifindex), BPF_XDP, &opts);
	if (link < 0)
		ThrowErrno(env, -link, "xdp_attach",
			   "attach program " + name_ + " to device " + std::to_string(ifindex) + " in " + mode +
			       " mode");
	return NewFromFd(env, AddonData::Of(env).link, UniqueFd(link));
}

Napi::Value BpfProgram::AttachTracepoint(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	// The program itself was loaded for its tracepoint.
	int link = bpf_raw_tracepoint_open(nullptr, Fd());
	if (link < 0)
		ThrowErrno(env, -link, "bpf_raw_tracepoint_open", "attach program " + name_ + " to its tracepoint");
	return NewFromFd(env, AddonData::Of(env).link, UniqueFd(link));
}

void BpfProgram::Pin(const Napi::CallbackInfo &info)
{
	PinFd(info.Env(), Fd(), StringArg(info[0], "path"));
}

void BpfProgram::Close(const Napi::CallbackInfo &)
{
	Dispose();
}

} // namespace natgw
