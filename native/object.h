// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "handle.h"

#include <bpf/libbpf.h>
#include <napi.h>
#include <string>
#include <vector>

namespace natgw
{

class BpfObject : public Napi::ObjectWrap<BpfObject>, private Handle
{
      public:
	static Napi::Function Define(Napi::Env env);

	explicit BpfObject(const Napi::CallbackInfo &info);
	~BpfObject() override;

	void Dispose() noexcept override;

      private:
	Napi::Value MapNames(const Napi::CallbackInfo &info);
	Napi::Value ProgramNames(const Napi::CallbackInfo &info);
	void SetMaxEntries(const Napi::CallbackInfo &info);
	void ReuseMap(const Napi::CallbackInfo &info);
	void SetInnerMap(const Napi::CallbackInfo &info);
	void SkipProgram(const Napi::CallbackInfo &info);
	void Load(const Napi::CallbackInfo &info);
	Napi::Value MapByName(const Napi::CallbackInfo &info);
	Napi::Value ProgramByName(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	/** @throws EARG when closed */
	bpf_object *Open() const;
	/** @throws EARG when closed or loaded */
	bpf_object *Unloaded() const;
	bpf_map *MapArg(const Napi::Value &name) const;
	bpf_program *ProgramArg(const Napi::Value &name) const;

	bpf_object *object_ = nullptr;
	std::string name_;
	// A load can be tried once: libbpf leaves a failed object unusable.
	bool load_tried_ = false;
	// libbpf keeps only the number of an inner map's descriptor, so it must stay open until the load.
	std::vector<UniqueFd> inner_maps_;
};

} // namespace natgw
