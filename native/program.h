// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"

#include <cstdint>
#include <napi.h>
#include <string>

namespace natgw
{

class BpfProgram : public Napi::ObjectWrap<BpfProgram>, private Handle
{
      public:
	static constexpr napi_type_tag kTag = {0x6e61746777000002, 0xb1f3a0c2d4e5f602};
	static constexpr const char *kName = "BpfProgram";

	static Napi::Function Define(Napi::Env env);

	explicit BpfProgram(const Napi::CallbackInfo &info);
	~BpfProgram() override;

	/** @throws EARG when closed */
	int Fd() const;
	const std::string &Name() const
	{
		return name_;
	}
	void Dispose() noexcept override;

      private:
	static Napi::Value OpenPinned(const Napi::CallbackInfo &info);
	static Napi::Value OpenById(const Napi::CallbackInfo &info);

	Napi::Value Info(const Napi::CallbackInfo &info);
	Napi::Value TestRun(const Napi::CallbackInfo &info);
	Napi::Value AttachXdp(const Napi::CallbackInfo &info);
	Napi::Value AttachTracepoint(const Napi::CallbackInfo &info);
	void Pin(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	UniqueFd fd_;
	std::string name_;
	uint32_t type_;
};

} // namespace natgw
