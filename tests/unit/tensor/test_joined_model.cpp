#include <gtest/gtest.h>

#include "tensor/joined_model.h"

namespace mgit {
namespace {

std::unique_ptr<TensorSource> part(std::initializer_list<const char*> names, std::uint8_t value) {
  auto model = std::make_unique<MemoryModel>();
  for (const char* name : names)
    model->set({name, DType::kU8, {1}}, Buffer{static_cast<std::byte>(value)});
  return model;
}

TEST(JoinedModel, HasTheTensorsOfAllPartsInOrder) {
  std::vector<std::unique_ptr<TensorSource>> parts;
  parts.push_back(part({"d", "a"}, 1));
  parts.push_back(part({"b", "c"}, 2));
  const JoinedModel model(std::move(parts));
  std::string names;
  std::string values;
  for (const TensorInfo& info : model.tensors()) {
    names += info.name;
    values += std::to_string(static_cast<int>(model.read(info.name).view.data[0]));
  }
  EXPECT_EQ(names, "abcd");
  EXPECT_EQ(values, "1221");
  EXPECT_THROW(model.read("e"), MissingError);
}

TEST(JoinedModel, RefusesATensorThatTwoPartsHave) {
  std::vector<std::unique_ptr<TensorSource>> parts;
  parts.push_back(part({"a"}, 1));
  parts.push_back(part({"a"}, 1));
  EXPECT_THROW(JoinedModel model(std::move(parts)), CorruptError);
}

}  // namespace
}  // namespace mgit
