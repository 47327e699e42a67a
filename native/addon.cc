// SPDX-License-Identifier: Apache-2.0
#include "error.h"
#include "handle.h"
#include "link.h"
#include "map.h"
#include "netlink.h"
#include "object.h"
#include "program.h"
#include "ringbuf.h"
#include "system.h"

#include <bpf/bpf.h>
#include <memory>

// Debian's libbpf 1.1 declares but does not export it, later ones do.
extern "C" __attribute__((weak)) int libbpf_set_memlock_rlim(size_t memlock_bytes);

namespace natgw
{

namespace
{

void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void *context)
{
	std::unique_ptr<std::shared_ptr<Registry>> held(static_cast<std::shared_ptr<Registry> *>(context));
	std::shared_ptr<Registry> registry = *held;
	for (Handle *handle : registry->open)
		handle->Dispose();
	for (int lock : std::exchange(registry->locks, {}))
		close(lock);
	registry->teardown = hook;
	registry->FinishTeardown();
}

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	LogCapture::Install();
	// Memory of maps is charged to the cgroup since 5.11, where libbpf leaves the limit alone by itself; raising it
	// on older kernels would need CAP_SYS_RESOURCE.
	if (libbpf_set_memlock_rlim != nullptr)
		libbpf_set_memlock_rlim(0);

	auto *data = new AddonData;
	env.SetInstanceData(data);
	napi_add_async_cleanup_hook(env, OnEnvironmentEnd, new std::shared_ptr<Registry>(data->registry), nullptr);

	Napi::Function map = BpfMap::Define(env);
	Napi::Function program = BpfProgram::Define(env);
	Napi::Function link = BpfLink::Define(env);
	data->map = Napi::Persistent(map);
	data->program = Napi::Persistent(program);
	data->link = Napi::Persistent(link);
	exports.Set("BpfMap", map);
	exports.Set("BpfProgram", program);
	exports.Set("BpfLink", link);
	exports.Set("BpfObject", BpfObject::Define(env));
	exports.Set("RingBuffer", RingBuffer::Define(env));
	exports.Set("NetlinkSocket", NetlinkSocket::Define(env));
	DefineSystem(env, exports);
	DefineService(env, exports);
	return exports;
}

} // namespace

NODE_API_MODULE(natgw, Init)

} // namespace natgw
