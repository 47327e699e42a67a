// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"
#include "uv_abi.h"

#include <functional>
#include <memory>
#include <napi.h>
#include <vector>

namespace natgw
{

/** Watches a descriptor on the event loop of its environment, which in a worker is not the default loop. */
class Poll
{
      public:
	Poll() = default;
	Poll(const Poll &) = delete;
	Poll &operator=(const Poll &) = delete;
	~Poll()
	{
		Stop();
	}

	void Start(Napi::Env env, std::shared_ptr<Registry> registry, int fd, std::function<void()> on_readable);
	/** The descriptor may be closed afterwards; may be called from on_readable. */
	void Stop() noexcept;
	void Ref();
	void Unref();

      private:
	uv_handle_s *handle_ = nullptr;
};

/** Calls JavaScript from the event loop, with its own async context. */
class LoopCallback
{
      public:
	LoopCallback(Napi::Function function, const char *resource);

	/** What the function throws becomes an uncaughtException and does not come back here. */
	void Call(const std::vector<napi_value> &arguments);

      private:
	Napi::FunctionReference function_;
	Napi::AsyncContext context_;
};

} // namespace natgw
