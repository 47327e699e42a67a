// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "unique_fd.h"

#include <cstdint>
#include <string>
#include <vector>

namespace natgw
{

/** The answers of a request, or its failure; error is 0 without one. */
struct NetlinkResult {
	int error = 0;
	const char *syscall = "";
	std::string message;
	// Messages back to back, each begins at a multiple of four bytes.
	std::vector<uint8_t> answers;
};

/** @param protocol NETLINK_ROUTE, … @returns an invalid descriptor and errno when it cannot be opened */
UniqueFd OpenNetlinkSocket(int protocol, bool nonblocking);

/** Sends one request and waits for all of its answers, on whatever thread. message is at least an nlmsghdr long. */
NetlinkResult RunRequest(int fd, std::vector<uint8_t> message, uint32_t sequence);

} // namespace natgw
