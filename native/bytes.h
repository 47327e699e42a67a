// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "error.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <napi.h>
#include <string>

namespace natgw
{

/** The memory of a Uint8Array; valid until the next call into JavaScript. */
struct Bytes {
	uint8_t *data;
	size_t size;
};

inline Bytes BytesArg(const Napi::Value &value, const char *what)
{
	Napi::Env env = value.Env();
	if (!value.IsTypedArray())
		ThrowArg(env, std::string(what) + " must be a Uint8Array");
	napi_typedarray_type type;
	size_t length = 0;
	void *data = nullptr;
	napi_value buffer;
	if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, nullptr) != napi_ok ||
	    type != napi_uint8_array)
		ThrowArg(env, std::string(what) + " must be a Uint8Array");
	bool detached = false;
	napi_is_detached_arraybuffer(env, buffer, &detached);
	if (detached)
		ThrowArg(env, std::string(what) + ": its ArrayBuffer is detached");
	return {static_cast<uint8_t *>(data), length};
}

inline Bytes BytesArg(const Napi::Value &value, const char *what, size_t size)
{
	Bytes bytes = BytesArg(value, what);
	if (bytes.size != size)
		ThrowArg(value.Env(), std::string(what) + " has " + std::to_string(bytes.size) + " bytes, must have " +
					  std::to_string(size));
	return bytes;
}

inline Napi::Uint8Array NewBytes(Napi::Env env, const void *data, size_t size)
{
	Napi::Uint8Array array = Napi::Uint8Array::New(env, size);
	if (size > 0)
		memcpy(array.Data(), data, size);
	return array;
}

inline uint32_t Uint32Arg(const Napi::Value &value, const char *what, uint32_t max = UINT32_MAX)
{
	double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
	if (!(number >= 0 && number <= max) || std::trunc(number) != number)
		ThrowArg(value.Env(), std::string(what) + " must be an integer from 0 to " + std::to_string(max));
	return static_cast<uint32_t>(number);
}

inline uint32_t Uint32ArgOr(const Napi::Value &value, const char *what, uint32_t fallback, uint32_t max = UINT32_MAX)
{
	return value.IsUndefined() ? fallback : Uint32Arg(value, what, max);
}

/** A string for a C interface: an embedded NUL would cut it short unseen. */
inline std::string StringArg(const Napi::Value &value, const char *what)
{
	if (!value.IsString())
		ThrowArg(value.Env(), std::string(what) + " must be a string");
	std::string text = value.As<Napi::String>().Utf8Value();
	if (text.empty() || text.find('\0') != std::string::npos)
		ThrowArg(value.Env(), std::string(what) + " must not be empty or contain NUL");
	return text;
}

inline Napi::Function FunctionArg(const Napi::Value &value, const char *what)
{
	if (!value.IsFunction())
		ThrowArg(value.Env(), std::string(what) + " must be a function");
	return value.As<Napi::Function>();
}

} // namespace natgw
