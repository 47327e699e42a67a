// SPDX-License-Identifier: Apache-2.0
#include "poll.h"

#include <cstdlib>
#include <cstring>

namespace natgw
{

namespace
{

/** Lives until libuv has let go of the handle, which is a turn of the loop after Stop(). */
struct PollState {
	std::function<void()> on_readable;
	std::shared_ptr<Registry> registry;
};

PollState *StateOf(uv_handle_s *handle)
{
	return static_cast<PollState *>(uv_handle_get_data(handle));
}

void OnReadable(uv_handle_s *handle, int status, int)
{
	// libuv ceases to watch a descriptor with a pending error, as a netlink socket has after an overrun. The
	// reader's system call takes the error off and returns it, and what comes afterwards must reach the reader too.
	if (status < 0)
		uv_poll_start(handle, UV_ABI_READABLE, OnReadable);
	StateOf(handle)->on_readable();
}

void OnClosed(uv_handle_s *handle)
{
	std::unique_ptr<PollState> state(StateOf(handle));
	free(handle);
	state->registry->closing_polls--;
	state->registry->FinishTeardown();
}

} // namespace

void Poll::Start(Napi::Env env, std::shared_ptr<Registry> registry, int fd, std::function<void()> on_readable)
{
	const char *type = uv_handle_type_name(UV_ABI_POLL);
	uv_loop_s *loop = nullptr;
	if (type == nullptr || strcmp(type, "poll") != 0 || napi_get_uv_event_loop(env, &loop) != napi_ok)
		ThrowErrno(env, ENOSYS, "uv_poll_init", "this Node's libuv is not the expected one");
	auto *handle = static_cast<uv_handle_s *>(calloc(1, uv_handle_size(UV_ABI_POLL)));
	if (handle == nullptr)
		ThrowErrno(env, ENOMEM, "uv_poll_init", "watch a descriptor");
	int error = uv_poll_init(loop, handle, fd);
	if (error != 0) {
		free(handle);
		ThrowErrno(env, -error, "uv_poll_init", "watch a descriptor");
	}
	uv_handle_set_data(handle, new PollState{std::move(on_readable), std::move(registry)});
	handle_ = handle;
	error = uv_poll_start(handle, UV_ABI_READABLE, OnReadable);
	if (error != 0) {
		Stop();
		ThrowErrno(env, -error, "uv_poll_start", "watch a descriptor");
	}
}

void Poll::Stop() noexcept
{
	uv_handle_s *handle = std::exchange(handle_, nullptr);
	if (handle == nullptr)
		return;
	StateOf(handle)->registry->closing_polls++;
	uv_poll_stop(handle);
	uv_close(handle, OnClosed);
}

void Poll::Ref()
{
	if (handle_ != nullptr)
		uv_ref(handle_);
}

void Poll::Unref()
{
	if (handle_ != nullptr)
		uv_unref(handle_);
}

LoopCallback::LoopCallback(Napi::Function function, const char *resource)
    : function_(Napi::Persistent(function)), context_(function.Env(), resource)
{
}

void LoopCallback::Call(const std::vector<napi_value> &arguments)
{
	// The function may close its owner, and with it this object: nothing of it is used after the call.
	napi_env env = function_.Env();
	napi_value function = function_.Value();
	napi_value receiver;
	if (napi_get_global(env, &receiver) != napi_ok ||
	    napi_make_callback(env, context_, receiver, function, arguments.size(), arguments.data(), nullptr) !=
		napi_pending_exception)
		return;
	napi_value thrown;
	if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
		napi_fatal_exception(env, thrown);
}

} // namespace natgw
