// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <bpf/libbpf.h>
#include <cstdio>
#include <cstring>

namespace natgw
{

namespace
{

// In-kernel code without a user-space name: batch operations of map types that have none return it.
constexpr int kENotSupp = 524;

// libbpf calls its printer without a context, so the capture of the running operation is found by thread.
thread_local LogCapture *current_capture = nullptr;

int Print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (current_capture == nullptr || level == LIBBPF_DEBUG)
		return 0;
	va_list measure;
	va_copy(measure, args);
	int length = vsnprintf(nullptr, 0, format, measure);
	va_end(measure);
	if (length <= 0)
		return length;
	std::string &text = current_capture->text;
	size_t start = text.size();
	text.resize(start + static_cast<size_t>(length) + 1);
	vsnprintf(text.data() + start, static_cast<size_t>(length) + 1, format, args);
	text.resize(start + static_cast<size_t>(length));
	return length;
}

std::string ErrorName(int error)
{
	if (error == kENotSupp)
		return "ENOTSUPP";
	if (error >= __LIBBPF_ERRNO__START)
		return "ELIBBPF_" + std::to_string(error);
	const char *name = strerrorname_np(error);
	return name != nullptr ? name : "E" + std::to_string(error);
}

Napi::Error MakeErrno(Napi::Env env, int error, const char *syscall, const std::string &message)
{
	Napi::Error failure = Napi::Error::New(env, message + ": " + ErrorText(error));
	failure.Set("code", Napi::String::New(env, ErrorName(error)));
	failure.Set("errno", Napi::Number::New(env, error));
	failure.Set("syscall", Napi::String::New(env, syscall));
	return failure;
}

} // namespace

std::string ErrorText(int error)
{
	if (error == kENotSupp)
		return "Operation not supported (ENOTSUPP)";
	char buffer[128];
	libbpf_strerror(error, buffer, sizeof(buffer));
	return buffer;
}

void ThrowErrno(Napi::Env env, int error, const char *syscall, const std::string &message, const std::string &log)
{
	Napi::Error failure = MakeErrno(env, error, syscall, message);
	if (!log.empty())
		failure.Set("log", Napi::String::New(env, log));
	throw failure;
}

void ThrowErrnoAfter(Napi::Env env, int error, const char *syscall, const std::string &message, uint32_t count)
{
	Napi::Error failure = MakeErrno(env, error, syscall, message);
	failure.Set("count", Napi::Number::New(env, count));
	throw failure;
}

void ThrowArg(Napi::Env env, const std::string &message)
{
	Napi::Error failure = Napi::Error::New(env, message);
	failure.Set("code", Napi::String::New(env, "EARG"));
	failure.Set("errno", Napi::Number::New(env, 0));
	failure.Set("syscall", Napi::String::New(env, ""));
	throw failure;
}

LogCapture::LogCapture() : outer_(current_capture)
{
	current_capture = this;
}

LogCapture::~LogCapture()
{
	current_capture = outer_;
}

void LogCapture::Install()
{
	libbpf_set_print(Print);
}

} // namespace natgw
