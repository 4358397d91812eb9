// Matrix products by primitives of oneDNN.
#include "backend/onednn_matmul.hpp"

#include <Kokkos_Macros.hpp>

#ifndef KOKKOS_ENABLE_CUDA
#include <oneapi/dnnl/dnnl.h>

#include <map>
#include <tuple>
#include <type_traits>

#include "base/error.hpp"

namespace jespr {
namespace {

void check(dnnl_status_t status, const char* call) {
  if (status != dnnl_success)
    fail(Exit::runtime, std::string(call) + " failed with status " + std::to_string(status));
}

template <class E>
constexpr dnnl_data_type_t type_of = std::is_same_v<E, Bf16> ? dnnl_bf16 : dnnl_f32;

/// A matrix [rows, columns] that lies transposed in memory for Op::transposed.
dnnl_memory_desc_t description(dnnl_data_type_t type, dnnl_dim_t rows, dnnl_dim_t columns, Op op,
                               dnnl_dim_t stride) {
  const dnnl_dims_t extents = {rows, columns};
  const dnnl_dims_t plain = {stride, 1}, transposed = {1, stride};
  dnnl_memory_desc_t result;
  check(dnnl_memory_desc_init_by_strides(&result, 2, extents, type,
                                         op == Op::plain ? plain : transposed),
        "dnnl_memory_desc_init_by_strides");
  return result;
}

/// A handle of oneDNN and the function that destroys it.
template <class Handle, dnnl_status_t (*destroy)(Handle*)>
struct Destroy {
  void operator()(Handle* handle) const { destroy(handle); }
};
using Engine = std::unique_ptr<dnnl_engine, Destroy<dnnl_engine, dnnl_engine_destroy>>;
using Stream = std::unique_ptr<dnnl_stream, Destroy<dnnl_stream, dnnl_stream_destroy>>;
using Memory = std::unique_ptr<dnnl_memory, Destroy<dnnl_memory, dnnl_memory_destroy>>;
using Primitive = std::unique_ptr<dnnl_primitive, Destroy<dnnl_primitive, dnnl_primitive_destroy>>;

struct Attributes {
  Attributes(float alpha, float beta) {
    check(dnnl_primitive_attr_create(&all), "dnnl_primitive_attr_create");
    check(dnnl_primitive_attr_set_output_scales(all, 1, 0, &alpha),
          "dnnl_primitive_attr_set_output_scales");
    if (beta == 0) return;
    check(dnnl_post_ops_create(&sum), "dnnl_post_ops_create");
    check(dnnl_post_ops_append_sum(sum, beta), "dnnl_post_ops_append_sum");
    check(dnnl_primitive_attr_set_post_ops(all, sum), "dnnl_primitive_attr_set_post_ops");
  }
  ~Attributes() {
    if (sum) dnnl_post_ops_destroy(sum);
    dnnl_primitive_attr_destroy(all);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  dnnl_primitive_attr_t all = nullptr;
  dnnl_post_ops_t sum = nullptr;
};

}  // namespace

template <class E>
struct OnednnMatmul<E>::Primitives {
  using Form = std::tuple<Op, Op, float, float>;  // op_a, op_b, alpha, beta

  Engine engine;
  Stream stream;
  std::map<Form, Primitive> made;

  Primitives() {
    dnnl_engine_t new_engine = nullptr;
    check(dnnl_engine_create(&new_engine, dnnl_cpu, 0), "dnnl_engine_create");
    engine.reset(new_engine);
    dnnl_stream_t new_stream = nullptr;
    check(dnnl_stream_create(&new_stream, new_engine, dnnl_stream_default_flags),
          "dnnl_stream_create");
    stream.reset(new_stream);
  }

  /// Null where oneDNN cannot.
  dnnl_primitive_desc_t describe(const Form& form) const {
    constexpr dnnl_dim_t any = DNNL_RUNTIME_DIM_VAL;
    const auto& [op_a, op_b, alpha, beta] = form;
    const dnnl_memory_desc_t a = description(type_of<E>, any, any, op_a, any);
    const dnnl_memory_desc_t b = description(type_of<E>, any, any, op_b, any);
    const dnnl_memory_desc_t c = description(dnnl_f32, any, any, Op::plain, any);
    dnnl_matmul_desc_t product;
    check(dnnl_matmul_desc_init(&product, &a, &b, nullptr, &c), "dnnl_matmul_desc_init");
    const Attributes attributes(alpha, beta);
    dnnl_primitive_desc_t result = nullptr;
    const dnnl_status_t status =
        dnnl_primitive_desc_create(&result, &product, attributes.all, engine.get(), nullptr);
    return status == dnnl_success ? result : nullptr;
  }

  dnnl_primitive_t of(const Form& form) {
    Primitive& primitive = made[form];
    if (primitive) return primitive.get();
    const dnnl_primitive_desc_t chosen = describe(form);
    if (!chosen) fail(Exit::runtime, "oneDNN has no such matrix product on this CPU");
    dnnl_primitive_t result = nullptr;
    const dnnl_status_t status = dnnl_primitive_create(&result, chosen);
    dnnl_primitive_desc_destroy(chosen);
    check(status, "dnnl_primitive_create");
    primitive.reset(result);
    return result;
  }

  Memory at(const void* data, const dnnl_memory_desc_t& layout) const {
    dnnl_memory_t result = nullptr;
    check(dnnl_memory_create(&result, &layout, engine.get(), const_cast<void*>(data)),
          "dnnl_memory_create");
    return Memory(result);
  }
};

template <class E>
OnednnMatmul<E>::OnednnMatmul() : primitives_(std::make_unique<Primitives>()) {}
template <class E>
OnednnMatmul<E>::~OnednnMatmul() = default;

template <class E>
void OnednnMatmul<E>::gemm(Op op_a, Op op_b, int m, int n, int k, float alpha, const E* a, int lda,
                           const E* b, int ldb, float beta, float* c, int ldc) {
  Primitives& all = *primitives_;
  const dnnl_primitive_t product = all.of({op_a, op_b, alpha, beta});
  const Memory left = all.at(a, description(type_of<E>, m, k, op_a, lda));
  const Memory right = all.at(b, description(type_of<E>, k, n, op_b, ldb));
  const Memory result = all.at(c, description(dnnl_f32, m, n, Op::plain, ldc));
  const dnnl_exec_arg_t arguments[] = {
      {DNNL_ARG_SRC, left.get()}, {DNNL_ARG_WEIGHTS, right.get()}, {DNNL_ARG_DST, result.get()}};
  check(dnnl_primitive_execute(product, all.stream.get(), 3, arguments), "dnnl_primitive_execute");
  check(dnnl_stream_wait(all.stream.get()), "dnnl_stream_wait");
}

template <class E>
std::string OnednnMatmul<E>::implementation() {
  const dnnl_primitive_desc_t chosen =
      primitives_->describe({Op::plain, Op::transposed, 1.0f, 0.0f});
  if (!chosen) return "";
  const char* name = "";
  dnnl_primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, &name);
  const std::string result = name;
  dnnl_primitive_desc_destroy(chosen);
  return result;
}

std::string onednn_bf16_units() {
  const auto has = [](dnnl_cpu_isa_t extension) {
    return (dnnl_get_effective_cpu_isa() & extension) == extension;
  };
  if (!has(dnnl_cpu_isa_avx512_core_bf16)) return "";
  const std::string implementation = OnednnMatmul<Bf16>().implementation();
  if (implementation.empty() || implementation.starts_with("ref")) return "";  // plain loops
  return has(dnnl_cpu_isa_avx512_core_amx) ? "avx512_core_amx" : "avx512_core_bf16";
}

template class OnednnMatmul<float>;
template class OnednnMatmul<Bf16>;

}  // namespace jespr
#endif
