// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>
#include <string>

namespace natgw
{

/** Throws a NativeFailure of an errno value (positive; libbpf's own 4000+ codes included). */
[[noreturn]] void ThrowErrno(Napi::Env env, int error, const char *syscall, const std::string &message,
			     const std::string &log = {});

/** Throws a NativeFailure with code EARG: refused before any system call. */
[[noreturn]] void ThrowArg(Napi::Env env, const std::string &message);

/** strerror text that also knows what glibc does not (ENOTSUPP, libbpf's codes). */
std::string ErrorText(int error);

/** Adds a property to the failure being thrown, e.g. how far a batch came. */
[[noreturn]] void ThrowErrnoAfter(Napi::Env env, int error, const char *syscall, const std::string &message,
				  uint32_t count);

/** While one lives, what libbpf prints on this thread is gathered here; otherwise it is dropped. */
class LogCapture
{
      public:
	LogCapture();
	~LogCapture();
	LogCapture(const LogCapture &) = delete;
	LogCapture &operator=(const LogCapture &) = delete;

	std::string text;

	/** Points libbpf's process-wide printer at the captures; harmless when repeated. */
	static void Install();

      private:
	LogCapture *outer_;
};

} // namespace natgw
