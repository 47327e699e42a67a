// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"
#include "poll.h"

#include <bpf/libbpf.h>
#include <cstdint>
#include <memory>
#include <napi.h>
#include <vector>

namespace natgw
{

class RingBuffer : public Napi::ObjectWrap<RingBuffer>, private Handle
{
      public:
	static Napi::Function Define(Napi::Env env);

	explicit RingBuffer(const Napi::CallbackInfo &info);
	~RingBuffer() override;

	void Dispose() noexcept override;

      private:
	Napi::Value Mismatched(const Napi::CallbackInfo &info);
	void RefLoop(const Napi::CallbackInfo &info);
	void UnrefLoop(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	void RequireOpen() const;
	void OnReadable();
	static int OnRecord(void *context, void *data, size_t size);

	struct ring_buffer *ring_ = nullptr;
	UniqueFd map_;
	Poll poll_;
	std::unique_ptr<LoopCallback> callback_;
	size_t record_size_;
	std::vector<uint8_t> gathered_;
	uint64_t mismatched_ = 0;
};

} // namespace natgw
