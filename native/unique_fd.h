// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace natgw
{

/** Owns one file descriptor. */
class UniqueFd
{
      public:
	UniqueFd() = default;
	explicit UniqueFd(int fd) : fd_(fd)
	{
	}
	UniqueFd(UniqueFd &&other) noexcept : fd_(std::exchange(other.fd_, -1))
	{
	}
	UniqueFd &operator=(UniqueFd &&other) noexcept
	{
		if (this != &other) {
			Reset();
			fd_ = std::exchange(other.fd_, -1);
		}
		return *this;
	}
	~UniqueFd()
	{
		Reset();
	}

	static UniqueFd Duplicate(int fd)
	{
		return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	}

	int Get() const
	{
		return fd_;
	}
	bool Valid() const
	{
		return fd_ >= 0;
	}
	int Release()
	{
		return std::exchange(fd_, -1);
	}
	void Reset()
	{
		if (fd_ >= 0)
			close(std::exchange(fd_, -1));
	}

      private:
	int fd_ = -1;
};

} // namespace natgw
