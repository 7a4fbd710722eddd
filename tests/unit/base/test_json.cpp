#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "mgit/base.h"

namespace mgit {
namespace {

TEST(Json, KeepsTheOrderOfMembersAndTheKindOfNumbers) {
  Json json{{"z", 1}, {"a", std::uint64_t{18446744073709551615u}}, {"m", -2}};
  json["list"] = std::vector<std::string>{"x", "y"};
  json["a"] = 0.5;
  json["none"];
  json["nested"].push_back({{"yes", true}});
  EXPECT_EQ(json.dump(-1),
            R"({"z":1,"a":0.5,"m":-2,"list":["x","y"],"none":null,"nested":[{"yes":true}]})");
  EXPECT_EQ(Json(std::uint64_t{18446744073709551615u}).dump(), "18446744073709551615");
  EXPECT_EQ(Json::array().dump(), "[]");
  EXPECT_EQ(Json::object().dump(), "{}");
}

TEST(Json, UpdateReplacesAndAppends) {
  Json json{{"a", 1}, {"b", 2}};
  json.update({{"b", 3}, {"c", 4}});
  EXPECT_EQ(json.dump(-1), R"({"a":1,"b":3,"c":4})");
}

TEST(Json, WritesWhatJsonCannotSay) {
  EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN()).dump(), "null");
  EXPECT_EQ(Json("a\xff").dump(), "\"a\xef\xbf\xbd\"");
}

TEST(Json, ReadsWhatItWrote) {
  const std::string text = R"({"n":null,"b":true,"i":-3,"u":7,"d":1.25,"s":"t","l":[1,[2]]})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(-1), text);
  EXPECT_EQ(json->find("i")->integer(), -3);
  EXPECT_EQ(json->find("i")->natural(), std::nullopt);
  EXPECT_EQ(json->find("u")->natural(), 7u);
  EXPECT_EQ(json->find("u")->number(), 7.0);
  EXPECT_EQ(json->find("d")->integer(), std::nullopt);
  EXPECT_EQ(json->find("s")->string(), "t");
  EXPECT_EQ(json->find("l")->elements().size(), 2u);
  EXPECT_EQ(json->find("x"), nullptr);
  EXPECT_EQ(json->find("s")->find("x"), nullptr);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "nul", "\"\xff\""})
    EXPECT_FALSE(Json::parse(text)) << text;
}

TEST(Json, DeepNestingDoesNotExhaustTheStack) {
  constexpr std::size_t kDeep = 1000000;
  const auto json = Json::parse(std::string(kDeep, '[') + std::string(kDeep, ']'));
  ASSERT_TRUE(json);
  EXPECT_LT(json->dump(-1).size(), 200u);
}

}  // namespace
}  // namespace mgit
