// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "error.h"
#include "unique_fd.h"

#include <cstddef>
#include <memory>
#include <napi.h>
#include <string>
#include <unordered_set>
#include <utility>

namespace natgw
{

class Handle;

/**
 * What is open in one environment (main thread or worker). Finalizers run after cleanup hooks, so descriptors that
 * nobody closed are closed by the environment's one cleanup hook through this list.
 */
struct Registry {
	std::unordered_set<Handle *> open;
	// Descriptors of lockFile(): a worker that ends gives its locks back.
	std::unordered_set<int> locks;
	// uv handles whose close callback has not come yet: the loop must turn until there are none.
	size_t closing_polls = 0;
	napi_async_cleanup_hook_handle teardown = nullptr;

	void FinishTeardown()
	{
		if (teardown != nullptr && closing_polls == 0)
			napi_remove_async_cleanup_hook(std::exchange(teardown, nullptr));
	}
};

/** Something with descriptors that is closed at the latest when its environment ends. */
class Handle
{
      public:
	Handle(const Handle &) = delete;
	Handle &operator=(const Handle &) = delete;

	/** Gives up the descriptors without a call into JavaScript; safe to repeat. */
	virtual void Dispose() noexcept = 0;

      protected:
	explicit Handle(std::shared_ptr<Registry> registry) : registry_(std::move(registry))
	{
		registry_->open.insert(this);
	}
	virtual ~Handle()
	{
		registry_->open.erase(this);
	}

	std::shared_ptr<Registry> registry_;
};

/** Instance data of the addon: one per environment, so that it loads into workers too. */
struct AddonData {
	std::shared_ptr<Registry> registry = std::make_shared<Registry>();
	Napi::FunctionReference map;
	Napi::FunctionReference program;
	Napi::FunctionReference link;

	static AddonData &Of(Napi::Env env)
	{
		return *env.GetInstanceData<AddonData>();
	}
};

/** Makes the JavaScript object of a descriptor; the classes of descriptors have no public constructor. */
inline Napi::Object NewFromFd(Napi::Env env, const Napi::FunctionReference &constructor, UniqueFd fd)
{
	return constructor.New({Napi::External<UniqueFd>::New(env, &fd)});
}

inline UniqueFd FdOfConstructor(const Napi::CallbackInfo &info, const char *what)
{
	if (info.Length() != 1 || !info[0].IsExternal())
		ThrowArg(info.Env(), std::string(what) + " has no public constructor");
	return std::move(*info[0].As<Napi::External<UniqueFd>>().Data());
}

/** The C++ side of an argument; the tag keeps an object of another class from being taken for one. */
template <typename T> T &UnwrapArg(const Napi::Value &value, const char *what)
{
	if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&T::kTag))
		ThrowArg(value.Env(), std::string(what) + " must be a " + T::kName);
	return *T::Unwrap(value.As<Napi::Object>());
}

} // namespace natgw
