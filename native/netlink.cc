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
// Leaves the loop to others now and then when events pour in.
constexpr int kDatagramsPerWakeUp = 64;

} // namespace

Napi::Function NetlinkSocket::Define(Napi::Env env)
{
	return DefineClass(env, "NetlinkSocket",
			   {
			       InstanceMethod<&NetlinkSocket::Request>("request"),
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
	requests_ = OpenNetlinkSocket(protocol_, false);
	if (!requests_.Valid())
		ThrowErrno(env, errno, "socket", "open a netlink socket");
	if (groups.Length() == 0)
		return;
	Join(groups);
	poll_.Start(env, registry_, events_.Get(), [this] { OnReadable(); });
	// An open socket is in use by the loop even when JavaScript has dropped it.
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
	Bytes bytes = BytesArg(info[0], "message");
	nlmsghdr header{};
	if (bytes.size >= sizeof(header))
		memcpy(&header, bytes.data, sizeof(header));
	if (bytes.size < sizeof(header) || header.nlmsg_len != bytes.size)
		ThrowArg(env, "message has " + std::to_string(bytes.size) + " bytes, its header says " +
				  std::to_string(header.nlmsg_len));
	// Without an answer to come, the wait for one would end in a timeout.
	bool get = (header.nlmsg_type & 3) == 2;
	if ((header.nlmsg_flags & NLM_F_REQUEST) == 0 || (!get && (header.nlmsg_flags & (NLM_F_ACK | NLM_F_ECHO)) == 0))
		ThrowArg(env, "message needs NLM_F_REQUEST, and NLM_F_ACK when it is not a GET");
	NetlinkResult result = RunRequest(requests_.Get(), {bytes.data, bytes.data + bytes.size}, ++sequence_);
	if (result.error != 0) {
		std::string what = "netlink request of type " + std::to_string(header.nlmsg_type);
		if (!result.message.empty())
			what += " (" + result.message + ")";
		ThrowErrno(env, result.error, result.syscall, what);
	}
	Napi::Array answers = Napi::Array::New(env, result.answers.size());
	for (uint32_t i = 0; i < result.answers.size(); i++)
		answers.Set(i, NewBytes(env, result.answers[i].data(), result.answers[i].size()));
	return answers;
}

void NetlinkSocket::OnReadable()
{
	Napi::Env env = Env();
	std::vector<uint8_t> buffer(kDatagramSize);
	// A callback may close the socket, so it is looked at anew each time.
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
