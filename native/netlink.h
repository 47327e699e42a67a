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

class NetlinkSocket : public Napi::ObjectWrap<NetlinkSocket>, private Handle
{
      public:
	static Napi::Function Define(Napi::Env env);

	explicit NetlinkSocket(const Napi::CallbackInfo &info);
	~NetlinkSocket() override;

	void Dispose() noexcept override;

      private:
	Napi::Value Request(const Napi::CallbackInfo &info);
	void RefLoop(const Napi::CallbackInfo &info);
	void UnrefLoop(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	void RequireOpen() const;
	void Join(const Napi::Array &groups);
	void OnReadable();

	int protocol_ = NETLINK_ROUTE;
	UniqueFd requests_;
	UniqueFd events_;
	Poll poll_;
	std::unique_ptr<LoopCallback> on_message_;
	std::unique_ptr<LoopCallback> on_overrun_;
	uint32_t sequence_ = 0;
};

} // namespace natgw
