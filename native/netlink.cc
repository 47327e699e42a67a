// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include "bytes.h"
#include "netlink_request.h"

#include <cerrno>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <vector>

namespace natgw
{

namespace
{

constexpr size_t kDatagramSize = 256 << 10;
// Bounds how long a stream of events keeps the loop from its other work.
constexpr int kDatagramsPerWakeUp = 64;

/** A copy of the argument. @throws EARG for a message that is cut or that the kernel would not answer */
std::vector<uint8_t> RequestArg(const Napi::Value &value)
{
	Napi::Env env = value.Env();
	Bytes bytes = BytesArg(value, "message");
	nlmsghdr header{};
	if (bytes.size >= sizeof(header))
		memcpy(&header, bytes.data, sizeof(header));
	if (bytes.size < sizeof(header) || header.nlmsg_len != bytes.size)
		ThrowArg(env, "message has " + std::to_string(bytes.size) + " bytes, its header says " +
				  std::to_string(header.nlmsg_len));
	bool get = (header.nlmsg_type & 3) == 2;
	if ((header.nlmsg_flags & NLM_F_REQUEST) == 0 || (!get && (header.nlmsg_flags & (NLM_F_ACK | NLM_F_ECHO)) == 0))
		ThrowArg(env, "message needs NLM_F_REQUEST, and NLM_F_ACK when it is not a GET");
	return {bytes.data, bytes.data + bytes.size};
}

uint16_t TypeOf(const std::vector<uint8_t> &message)
{
	nlmsghdr header;
	memcpy(&header, message.data(), sizeof(header));
	return header.nlmsg_type;
}

/** @throws the failure of a result that has one */
void RequireSuccess(Napi::Env env, const NetlinkResult &result, uint16_t type)
{
	if (result.error == 0)
		return;
	std::string what = "netlink request of type " + std::to_string(type);
	if (!result.message.empty())
		what += " (" + result.message + ")";
	ThrowErrno(env, result.error, result.syscall, what);
}

/** Runs one dump on a thread of libuv's pool. */
class DumpWorker : public Napi::AsyncWorker
{
      public:
	DumpWorker(Napi::Env env, std::shared_ptr<DumpChannel> channel, std::vector<uint8_t> message)
	    : Napi::AsyncWorker(env, "natgw.NetlinkDump"), deferred_(Napi::Promise::Deferred::New(env)),
	      channel_(std::move(channel)), message_(std::move(message)), sequence_(++channel_->sequence)
	{
		channel_->busy = true;
	}

	Napi::Promise Promise() const
	{
		return deferred_.Promise();
	}

      protected:
	void Execute() override
	{
		result_ = RunRequest(channel_->fd.Get(), message_, sequence_);
	}

	void OnOK() override
	{
		channel_->busy = false;
		try {
			Settle();
		} catch (const Napi::Error &) {
			// The thread of JavaScript is being ended: it runs nothing any more, so nobody waits for the
			// promise.
		}
	}

      private:
	void Settle()
	{
		Napi::Env env = Env();
		try {
			RequireSuccess(env, result_, TypeOf(message_));
			deferred_.Resolve(NewBytes(env, result_.answers.data(), result_.answers.size()));
		} catch (const Napi::Error &error) {
			deferred_.Reject(error.Value());
		}
	}

	Napi::Promise::Deferred deferred_;
	std::shared_ptr<DumpChannel> channel_;
	std::vector<uint8_t> message_;
	uint32_t sequence_;
	NetlinkResult result_;
};

} // namespace

Napi::Function NetlinkSocket::Define(Napi::Env env)
{
	return DefineClass(env, "NetlinkSocket",
			   {
			       InstanceMethod<&NetlinkSocket::Request>("request"),
			       InstanceMethod<&NetlinkSocket::Dump>("dump"),
			       InstanceMethod<&NetlinkSocket::RefLoop>("ref"),
			       InstanceMethod<&NetlinkSocket::UnrefLoop>("unref"),
			       InstanceMethod<&NetlinkSocket::Close>("close"),
			   });
}

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<NetlinkSocket>(info), Handle(AddonData::Of(info.Env()).registry)
{
	Napi::Env env = info.Env();
	if (!info[0].IsArray())
		ThrowArg(env, "groups must be an array");
	Napi::Array groups = info[0].As<Napi::Array>();
	if (!info[1].IsUndefined())
		on_message_ = std::make_unique<LoopCallback>(FunctionArg(info[1], "onMessage"), "natgw.Netlink");
	if (!info[2].IsUndefined())
		on_overrun_ = std::make_unique<LoopCallback>(FunctionArg(info[2], "onOverrun"), "natgw.Netlink");
	if (!info[3].IsUndefined())
		protocol_ = static_cast<int>(Uint32Arg(info[3], "protocol", MAX_LINKS - 1));
	for (UniqueFd *fd : {&requests_, &dumps_->fd}) {
		*fd = OpenNetlinkSocket(protocol_, false);
		if (!fd->Valid())
			ThrowErrno(env, errno, "socket", "open a netlink socket");
	}
	if (groups.Length() == 0)
		return;
	Join(groups);
	poll_.Start(env, registry_, events_.Get(), [this] { OnReadable(); });
	// Not collected while the loop watches it, also without a reference from JavaScript.
	Ref();
}

NetlinkSocket::~NetlinkSocket()
{
	Dispose();
}

void NetlinkSocket::Join(const Napi::Array &groups)
{
	if (!on_message_)
		ThrowArg(Env(), "groups need onMessage");
	events_ = OpenNetlinkSocket(protocol_, true);
	if (!events_.Valid())
		ThrowErrno(Env(), errno, "socket", "open a netlink socket");
	for (uint32_t i = 0; i < groups.Length(); i++) {
		int group = static_cast<int>(Uint32Arg(groups.Get(i), "group", INT32_MAX));
		if (setsockopt(events_.Get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
			ThrowErrno(Env(), errno, "setsockopt", "join netlink group " + std::to_string(group));
	}
}

void NetlinkSocket::Dispose() noexcept
{
	poll_.Stop();
	events_.Reset();
	requests_.Reset();
	dumps_ = std::make_shared<DumpChannel>();
}

void NetlinkSocket::RequireOpen() const
{
	if (!requests_.Valid())
		ThrowArg(Env(), "netlink socket is closed");
}

Napi::Value NetlinkSocket::Request(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	RequireOpen();
	std::vector<uint8_t> message = RequestArg(info[0]);
	NetlinkResult result = RunRequest(requests_.Get(), message, ++sequence_);
	RequireSuccess(env, result, TypeOf(message));
	Napi::Array answers = Napi::Array::New(env);
	int left = static_cast<int>(result.answers.size());
	for (auto *header = reinterpret_cast<nlmsghdr *>(result.answers.data()); NLMSG_OK(header, left);
	     header = NLMSG_NEXT(header, left))
		answers.Set(answers.Length(), NewBytes(env, header, header->nlmsg_len));
	return answers;
}

Napi::Value NetlinkSocket::Dump(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	RequireOpen();
	std::vector<uint8_t> message = RequestArg(info[0]);
	// Each would take a thread of the pool only to wait for the one before.
	if (dumps_->busy)
		ThrowArg(env, "a dump of this socket is running: wait for its end");
	auto *worker = new DumpWorker(env, dumps_, std::move(message));
	Napi::Promise promise = worker->Promise();
	worker->Queue();
	return promise;
}

void NetlinkSocket::OnReadable()
{
	Napi::Env env = Env();
	std::vector<uint8_t> buffer(kDatagramSize);
	// A callback may close the socket, which ends the loop.
	for (int i = 0; i < kDatagramsPerWakeUp && events_.Valid(); i++) {
		Napi::HandleScope scope(env);
		ssize_t length = recv(events_.Get(), buffer.data(), buffer.size(), MSG_TRUNC);
		bool whole = length >= 0 && static_cast<size_t>(length) <= buffer.size();
		if (whole)
			on_message_->Call({NewBytes(env, buffer.data(), static_cast<size_t>(length))});
		else if (length < 0 && errno == EINTR)
			continue;
		else if (length < 0 && errno != ENOBUFS)
			return;
		else if (on_overrun_)
			on_overrun_->Call({});
	}
}

void NetlinkSocket::RefLoop(const Napi::CallbackInfo &)
{
	RequireOpen();
	poll_.Ref();
}

void NetlinkSocket::UnrefLoop(const Napi::CallbackInfo &)
{
	RequireOpen();
	poll_.Unref();
}

void NetlinkSocket::Close(const Napi::CallbackInfo &)
{
	bool referenced = events_.Valid();
	Dispose();
	if (referenced)
		Unref();
}

} // namespace natgw
