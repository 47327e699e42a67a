// SPDX-License-Identifier: Apache-2.0
#include "netlink_request.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <optional>
#include <sys/socket.h>
#include <sys/time.h>

namespace natgw
{

namespace
{

constexpr size_t kBufferSize = 64 << 10;
constexpr int kSocketBuffer = 4 << 20;
// The kernel answers while it is asked: an answer that is late does not come.
constexpr int kSilenceSeconds = 1;
// Of the whole request, since a thread waits for it. The kernel marks a dump that a change ran into as inconsistent; it
// is asked for again within this time.
constexpr std::chrono::seconds kLongest{3};

using Clock = std::chrono::steady_clock;

/** The kernel's explanation (NLMSGERR_ATTR_MSG) behind an error answer, if it gave one. */
std::string ExtAckText(const nlmsghdr *header)
{
	size_t offset = NLMSG_HDRLEN;
	if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return {};
	if (header->nlmsg_type == NLMSG_ERROR) {
		auto *error = static_cast<const nlmsgerr *>(NLMSG_DATA(header));
		offset += sizeof(*error);
		if ((header->nlmsg_flags & NLM_F_CAPPED) == 0)
			offset += error->msg.nlmsg_len - NLMSG_HDRLEN;
	} else {
		offset += sizeof(int);
	}
	auto *start = reinterpret_cast<const uint8_t *>(header);
	for (offset = NLMSG_ALIGN(offset); offset + NLA_HDRLEN <= header->nlmsg_len;) {
		nlattr attribute;
		memcpy(&attribute, start + offset, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || offset + attribute.nla_len > header->nlmsg_len)
			break;
		if ((attribute.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
			auto *text = reinterpret_cast<const char *>(start + offset + NLA_HDRLEN);
			return std::string(text, strnlen(text, attribute.nla_len - NLA_HDRLEN));
		}
		offset += NLA_ALIGN(attribute.nla_len);
	}
	return {};
}

/** The errno of an NLMSG_ERROR or NLMSG_DONE, 0 for an ACK or a good end; nothing for any other message. */
std::optional<int> EndOf(const nlmsghdr *header)
{
	if (header->nlmsg_type != NLMSG_ERROR && header->nlmsg_type != NLMSG_DONE)
		return std::nullopt;
	int error = 0;
	if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(header), sizeof(error));
	return error < 0 ? -error : 0;
}

/** Reads one datagram, whatever its size. @returns its length, or -1 and errno */
ssize_t ReceiveWhole(int fd, std::vector<uint8_t> &buffer, sockaddr_nl &sender)
{
	ssize_t length;
	do
		length = recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return length;
	if (static_cast<size_t>(length) > buffer.size())
		buffer.resize(static_cast<size_t>(length));
	socklen_t size = sizeof(sender);
	return recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr *>(&sender), &size);
}

/** @returns true when the answers were disturbed by a concurrent change and must be asked for again */
bool Gather(int fd, uint32_t sequence, bool until_end, Clock::time_point end, NetlinkResult &result)
{
	std::vector<uint8_t> buffer(kBufferSize);
	bool disturbed = false;
	for (;;) {
		sockaddr_nl sender{};
		if (Clock::now() > end) {
			result.error = ETIMEDOUT;
			result.syscall = "recv";
			return false;
		}
		ssize_t length = ReceiveWhole(fd, buffer, sender);
		if (length < 0) {
			result.error = errno == EAGAIN ? ETIMEDOUT : errno;
			result.syscall = "recv";
			return false;
		}
		if (sender.nl_pid != 0)
			continue;
		int left = static_cast<int>(length);
		for (auto *header = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			// A late answer to a request that timed out.
			if (header->nlmsg_seq != sequence)
				continue;
			disturbed = disturbed || (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (std::optional<int> end = EndOf(header)) {
				result.error = *end;
				result.syscall = "netlink";
				if (*end != 0)
					result.message = ExtAckText(header);
				return disturbed && *end == 0;
			}
			auto *bytes = reinterpret_cast<uint8_t *>(header);
			result.answers.insert(result.answers.end(), bytes, bytes + header->nlmsg_len);
			result.answers.resize(NLMSG_ALIGN(result.answers.size()));
			if (!until_end)
				return false;
		}
	}
}

} // namespace

UniqueFd OpenNetlinkSocket(int protocol, bool nonblocking)
{
	UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), protocol));
	if (!fd.Valid())
		return fd;
	const int on = 1;
	// Old kernels lack these: answers are then less strict or explained less, not wrong.
	setsockopt(fd.Get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd.Get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (setsockopt(fd.Get(), SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof(kSocketBuffer)) != 0)
		setsockopt(fd.Get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof(kSocketBuffer));
	const timeval timeout{kSilenceSeconds, 0};
	sockaddr_nl address{};
	address.nl_family = AF_NETLINK;
	if (setsockopt(fd.Get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    bind(fd.Get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0) {
		int error = errno;
		fd.Reset();
		errno = error;
	}
	return fd;
}

NetlinkResult RunRequest(int fd, std::vector<uint8_t> message, uint32_t sequence)
{
	nlmsghdr header;
	memcpy(&header, message.data(), sizeof(header));
	header.nlmsg_seq = sequence;
	header.nlmsg_pid = 0;
	memcpy(message.data(), &header, sizeof(header));
	// The bits of NLM_F_DUMP mean NLM_F_REPLACE and NLM_F_EXCL in messages that are not GETs.
	bool get = ((header.nlmsg_type - RTM_BASE) & 3) == 2;
	bool dump = get && (header.nlmsg_flags & NLM_F_DUMP) != 0;
	bool until_end = dump || (header.nlmsg_flags & NLM_F_ACK) != 0;
	NetlinkResult result;
	const Clock::time_point end = Clock::now() + kLongest;
	// At least once. Again only if a dump as long as the longest so far would still be in time.
	Clock::duration longest{};
	do {
		const Clock::time_point begin = Clock::now();
		result = NetlinkResult{};
		if (send(fd, message.data(), message.size(), 0) < 0) {
			result.error = errno;
			result.syscall = "send";
			return result;
		}
		if (!Gather(fd, sequence, until_end, end, result))
			return result;
		longest = std::max(longest, Clock::now() - begin);
	} while (Clock::now() + longest < end);
	result.error = EINTR;
	result.message = "the dump was disturbed by changes each time";
	return result;
}

} // namespace natgw
