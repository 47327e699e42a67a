// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"
#include "poll.h"

#include <cstdint>
#include <linux/netlink.h>
#include <memory>
#include <napi.h>

namespace natgw
{

/** A socket that a thread of libuv's pool reads while a dump runs. */
struct DumpChannel {
	UniqueFd fd;
	uint32_t sequence = 0;
	// Set and read by the JavaScript thread.
	bool busy = false;
};

/**
 * One socket a purpose, all of the network namespace of the constructor's thread: a dump in another thread, the events
 * and a request do not read each other's answers.
 */
class NetlinkSocket : public Napi::ObjectWrap<NetlinkSocket>, private Handle
{
      public:
	static Napi::Function Define(Napi::Env env);

	explicit NetlinkSocket(const Napi::CallbackInfo &info);
	~NetlinkSocket() override;

	void Dispose() noexcept override;

      private:
	Napi::Value Request(const Napi::CallbackInfo &info);
	Napi::Value Dump(const Napi::CallbackInfo &info);
	void RefLoop(const Napi::CallbackInfo &info);
	void UnrefLoop(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	void RequireOpen() const;
	void Join(const Napi::Array &groups);
	void OnReadable();

	int protocol_ = NETLINK_ROUTE;
	UniqueFd requests_;
	UniqueFd events_;
	// Shared with a dump that runs, so that close() does not take its descriptor away.
	std::shared_ptr<DumpChannel> dumps_ = std::make_shared<DumpChannel>();
	Poll poll_;
	std::unique_ptr<LoopCallback> on_message_;
	std::unique_ptr<LoopCallback> on_overrun_;
	uint32_t sequence_ = 0;
};

} // namespace natgw
