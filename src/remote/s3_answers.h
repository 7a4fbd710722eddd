// What S3 answers, as far as it is needed: small XML documents. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mgit {

/// The text inside the first <name> of `xml`, unescaped; nullopt: there is none.
std::optional<std::string> xml_text_of(std::string_view xml, std::string_view name);

struct S3Listing {
  struct Entry {
    std::string key;
    std::uint64_t size = 0;
  };
  std::vector<Entry> entries{};
  std::string next{};  // where the next page begins; empty: this was the last
};

/// Of ListObjectsV2. nullopt: something else.
std::optional<S3Listing> parse_s3_listing(std::string_view xml);

/// The body that completes a multipart upload.
std::string s3_completion(const std::vector<std::string>& etags);

}  // namespace mgit
