// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"
#include "handle.h"
#include "system.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace natgw
{

namespace
{

/** A path, or with '@' in front a name in the abstract namespace, as $NOTIFY_SOCKET has it. */
socklen_t AddressOf(Napi::Env env, const std::string &text, sockaddr_un &address)
{
	address = {};
	address.sun_family = AF_UNIX;
	// An abstract name fills its length exactly; a path ends with a zero.
	bool abstract = !text.empty() && text[0] == '@';
	if (text.empty() || text.size() + (abstract ? 0 : 1) > sizeof(address.sun_path))
		ThrowArg(env, "socket must be a path of 1 to 107 bytes, or @ and a name");
	memcpy(address.sun_path, text.data(), text.size());
	if (abstract)
		address.sun_path[0] = '\0';
	return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + (abstract ? 0 : 1));
}

void SendDatagram(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::string target = StringArg(info[0], "socket");
	std::string message = StringArg(info[1], "message");
	sockaddr_un address;
	socklen_t length = AddressOf(env, target, address);
	UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!fd.Valid())
		ThrowErrno(env, errno, "socket", "make a datagram socket");
	if (sendto(fd.Get(), message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&address),
		   length) < 0)
		ThrowErrno(env, errno, "sendto", "send to " + target);
}

void ExitNow(const Napi::CallbackInfo &info)
{
	_exit(static_cast<int>(Uint32Arg(info[0], "status", 255)));
}

} // namespace

void DefineService(Napi::Env env, Napi::Object exports)
{
	exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
	exports.Set("exitNow", Napi::Function::New<ExitNow>(env, "exitNow"));
}

} // namespace natgw
