// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"

#include <napi.h>

namespace natgw
{

class BpfLink : public Napi::ObjectWrap<BpfLink>, private Handle
{
      public:
	static constexpr const char *kName = "BpfLink";

	static Napi::Function Define(Napi::Env env);

	explicit BpfLink(const Napi::CallbackInfo &info);
	~BpfLink() override;

	void Dispose() noexcept override;

      private:
	static Napi::Value OpenPinned(const Napi::CallbackInfo &info);

	Napi::Value Info(const Napi::CallbackInfo &info);
	void Update(const Napi::CallbackInfo &info);
	void Pin(const Napi::CallbackInfo &info);
	void Detach(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	int Fd() const;

	UniqueFd fd_;
};

} // namespace natgw
