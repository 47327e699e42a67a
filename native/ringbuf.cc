// SPDX-License-Identifier: Apache-2.0
#include "ringbuf.h"

#include "bytes.h"
#include "map.h"

#include <cerrno>

namespace natgw
{

namespace
{

// Bounds one call into JavaScript when records come faster than they are read; the rest stays for the next turn.
constexpr size_t kWakeUpBytes = 4 << 20;

} // namespace

Napi::Function RingBuffer::Define(Napi::Env env)
{
	return DefineClass(env, "RingBuffer",
			   {
			       InstanceAccessor<&RingBuffer::Mismatched>("mismatched"),
			       InstanceMethod<&RingBuffer::RefLoop>("ref"),
			       InstanceMethod<&RingBuffer::UnrefLoop>("unref"),
			       InstanceMethod<&RingBuffer::Close>("close"),
			   });
}

RingBuffer::RingBuffer(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<RingBuffer>(info), Handle(AddonData::Of(info.Env()).registry)
{
	Napi::Env env = info.Env();
	BpfMap &map = UnwrapArg<BpfMap>(info[0], "map");
	record_size_ = Uint32Arg(info[1], "recordSize", kWakeUpBytes);
	if (record_size_ == 0)
		ThrowArg(env, "recordSize must not be 0");
	callback_ = std::make_unique<LoopCallback>(FunctionArg(info[2], "onRecords"), "natgw.RingBuffer");
	map_ = UniqueFd::Duplicate(map.Fd());
	if (!map_.Valid())
		ThrowErrno(env, errno, "fcntl", "duplicate a descriptor");
	LogCapture log;
	ring_ = ring_buffer__new(map_.Get(), OnRecord, this, nullptr);
	if (ring_ == nullptr)
		ThrowErrno(env, errno, "ring_buffer_new", "read ring buffer " + map.Name(), log.text);
	try {
		poll_.Start(env, registry_, ring_buffer__epoll_fd(ring_), [this] { OnReadable(); });
	} catch (...) {
		Dispose();
		throw;
	}
	// An open ring is in use by the loop even when JavaScript has dropped it.
	Ref();
}

RingBuffer::~RingBuffer()
{
	Dispose();
}

void RingBuffer::Dispose() noexcept
{
	poll_.Stop();
	ring_buffer__free(std::exchange(ring_, nullptr));
	map_.Reset();
}

void RingBuffer::RequireOpen() const
{
	if (ring_ == nullptr)
		ThrowArg(Env(), "ring buffer is closed");
}

int RingBuffer::OnRecord(void *context, void *data, size_t size)
{
	auto *self = static_cast<RingBuffer *>(context);
	if (size != self->record_size_) {
		self->mismatched_++;
		return 0;
	}
	auto *bytes = static_cast<uint8_t *>(data);
	self->gathered_.insert(self->gathered_.end(), bytes, bytes + size);
	return self->gathered_.size() + size > kWakeUpBytes ? -ECANCELED : 0;
}

void RingBuffer::OnReadable()
{
	Napi::Env env = Env();
	Napi::HandleScope scope(env);
	gathered_.clear();
	ring_buffer__consume(ring_);
	if (gathered_.empty())
		return;
	size_t count = gathered_.size() / record_size_;
	callback_->Call(
	    {NewBytes(env, gathered_.data(), gathered_.size()), Napi::Number::New(env, static_cast<double>(count))});
}

Napi::Value RingBuffer::Mismatched(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), static_cast<double>(mismatched_));
}

void RingBuffer::RefLoop(const Napi::CallbackInfo &)
{
	RequireOpen();
	poll_.Ref();
}

void RingBuffer::UnrefLoop(const Napi::CallbackInfo &)
{
	RequireOpen();
	poll_.Unref();
}

void RingBuffer::Close(const Napi::CallbackInfo &)
{
	if (ring_ == nullptr)
		return;
	Dispose();
	Unref();
}

} // namespace natgw
