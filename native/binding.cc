// TensorFlow.js's own native binding, compiled together with two things it lacks: graph functions, and tensors whose memory
// JavaScript fills in place.
//
// A recorded computation (lib/tensor/jit) becomes a function in TensorFlow's eager context and is then called like any
// operation, with `_XlaMustCompile` to have XLA compile it. Unlike a SavedModel session this needs no files, keeps
// tensors on their device, and does not leak the inputs of each call.
//
// The binding keeps its context and tensors private and has no way to add exports, so its one source file is included
// here with its registration switched off. The package itself is not modified.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
#include <node_api.h>
#include "absl/log/globals.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#define private public
#include "tfjs_backend.h"
#undef private
#include "tfjs_binding.cc"

namespace tfnodejs {
namespace {

// Frees a C object of TensorFlow at the end of the scope.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T *)>;

TFJSBackend *BackendOf(napi_env env) {
  void *data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<TFJSBackend *>(data);
}

bool Throw(napi_env env, const std::string &message) {
  napi_throw_error(env, nullptr, message.c_str());
  return false;
}

bool ReadString(napi_env env, napi_value value, std::string *out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return Throw(env, "a string is expected");
  out->resize(length + 1);
  napi_get_value_string_utf8(env, value, &(*out)[0], length + 1, &length);
  out->resize(length);
  return true;
}

// ["node:1", …] → outputs of the graph's nodes.
bool ReadOutputs(napi_env env, napi_value list, TF_Graph *graph, std::vector<TF_Output> *out) {
  uint32_t length = 0;
  if (napi_get_array_length(env, list, &length) != napi_ok) return Throw(env, "an array of names is expected");
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    napi_get_element(env, list, i, &element);
    std::string name;
    if (!ReadString(env, element, &name)) return false;
    const size_t colon = name.find(':');
    const int index = colon == std::string::npos ? 0 : std::atoi(name.c_str() + colon + 1);
    TF_Operation *op = TF_GraphOperationByName(graph, name.substr(0, colon).c_str());
    if (op == nullptr || index >= TF_OperationNumOutputs(op)) return Throw(env, "no such output in the graph: " + name);
    out->push_back({op, index});
  }
  return true;
}

// createFunction(name, graphDef: Uint8Array, inputs: string[], outputs: string[])
napi_value CreateFunction(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  std::string name;
  void *bytes = nullptr;
  size_t length = 0;
  bool typed = false;
  if (count < 4 || !ReadString(env, args[0], &name)) return nullptr;
  napi_is_typedarray(env, args[1], &typed);
  if (!typed || napi_get_typedarray_info(env, args[1], nullptr, &length, &bytes, nullptr, nullptr) != napi_ok)
    return Throw(env, "the graph must be a Uint8Array"), nullptr;

  Owned<TF_Status> status(TF_NewStatus(), TF_DeleteStatus);
  Owned<TF_Graph> graph(TF_NewGraph(), TF_DeleteGraph);
  Owned<TF_Buffer> definition(TF_NewBufferFromString(bytes, length), TF_DeleteBuffer);
  Owned<TF_ImportGraphDefOptions> options(TF_NewImportGraphDefOptions(), TF_DeleteImportGraphDefOptions);
  TF_GraphImportGraphDef(graph.get(), definition.get(), options.get(), status.get());
  if (TF_GetCode(status.get()) != TF_OK) return Throw(env, TF_Message(status.get())), nullptr;

  std::vector<TF_Output> inputs, outputs;
  if (!ReadOutputs(env, args[2], graph.get(), &inputs) || !ReadOutputs(env, args[3], graph.get(), &outputs)) return nullptr;
  Owned<TF_Function> function(
      TF_GraphToFunction(graph.get(), name.c_str(), /*append_hash_to_fn_name=*/0, /*num_opers=*/-1, nullptr, inputs.size(),
                         inputs.data(), outputs.size(), outputs.data(), nullptr, nullptr, nullptr, status.get()),
      TF_DeleteFunction);
  if (TF_GetCode(status.get()) != TF_OK) return Throw(env, TF_Message(status.get())), nullptr;
  TFE_ContextAddFunction(BackendOf(env)->tfe_context_, function.get(), status.get());
  if (TF_GetCode(status.get()) != TF_OK) Throw(env, TF_Message(status.get()));
  return nullptr;
}

// deleteFunction(name)
napi_value DeleteFunction(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  std::string name;
  if (count < 1 || !ReadString(env, args[0], &name)) return nullptr;
  Owned<TF_Status> status(TF_NewStatus(), TF_DeleteStatus);
  TFE_ContextRemoveFunction(BackendOf(env)->tfe_context_, name.c_str(), status.get());
  if (TF_GetCode(status.get()) != TF_OK) Throw(env, TF_Message(status.get()));
  return nullptr;
}

// createFilled(shape, fill: (memory: ArrayBuffer) => void): id of a float32 tensor. `fill` writes into TensorFlow's own memory, which
// is taken from it when it returns: weights read from a file never exist twice.
napi_value CreateFilled(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  std::vector<int64_t> shape;
  if (count < 2) return Throw(env, "a shape and a function are expected"), nullptr;
  ExtractArrayShape(env, args[0], &shape);
  if (IsExceptionPending(env)) return nullptr;
  size_t bytes = sizeof(float);
  for (int64_t size : shape) bytes *= size;
  Owned<TF_Tensor> tensor(TF_AllocateTensor(TF_FLOAT, shape.data(), shape.size(), bytes), TF_DeleteTensor);
  if (bytes > 0) {
    if (tensor == nullptr || TF_TensorData(tensor.get()) == nullptr) return Throw(env, "out of memory: " + std::to_string(bytes) + " bytes for one tensor"), nullptr;
    napi_value memory, self;
    if (napi_create_external_arraybuffer(env, TF_TensorData(tensor.get()), bytes, [](napi_env, void *, void *) {}, nullptr, &memory) != napi_ok)
      return Throw(env, "this Node does not allow memory from outside"), nullptr;
    napi_get_undefined(env, &self);
    napi_call_function(env, self, args[1], 1, &memory, nullptr);
    napi_value exception = nullptr;
    if (IsExceptionPending(env)) napi_get_and_clear_last_exception(env, &exception);
    napi_detach_arraybuffer(env, memory); // the tensor may be freed before JavaScript forgets the view
    if (exception != nullptr) return napi_throw(env, exception), nullptr;
  }
  TFJSBackend *backend = BackendOf(env);
  Owned<TF_Status> status(TF_NewStatus(), TF_DeleteStatus);
  Owned<TFE_TensorHandle> host(TFE_NewTensorHandle(tensor.get(), status.get()), TFE_DeleteTensorHandle);
  if (TF_GetCode(status.get()) != TF_OK) return Throw(env, TF_Message(status.get())), nullptr;
  // On the CPU this shares the memory.
  TFE_TensorHandle *handle = TFE_TensorHandleCopyToDevice(host.get(), backend->tfe_context_, backend->device_name.c_str(), status.get());
  if (TF_GetCode(status.get()) != TF_OK) return Throw(env, TF_Message(status.get())), nullptr;
  napi_value id;
  napi_create_int32(env, backend->InsertHandle(handle), &id);
  return id;
}

}  // namespace

napi_value InitTunelabBinding(napi_env env, napi_value exports) {
  // Start-up chatter is not for students; TF_CPP_MIN_LOG_LEVEL comes too late for part of it. Errors reach JavaScript as
  // exceptions; what is logged as one besides are notes of XLA's compilation cache about every entry that it loads.
  if (std::getenv("TUNELAB_VERBOSE") == nullptr) absl::SetMinLogLevel(absl::LogSeverityAtLeast::kFatal);
  if (InitTFNodeJSBinding(env, exports) == nullptr) return nullptr;
  napi_property_descriptor added[] = {
      {"createFunction", nullptr, CreateFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"deleteFunction", nullptr, DeleteFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"createFilled", nullptr, CreateFilled, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, ARRAY_SIZE(added), added);
  return exports;
}

}  // namespace tfnodejs

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  return tfnodejs::InitTunelabBinding(env, exports);
}
