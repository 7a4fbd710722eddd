#include "remote/s3_answers.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/words.h"

namespace mgit {
namespace {

std::string unescaped(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 6> kEntities{{{"&amp;", '&'},
                                                                               {"&lt;", '<'},
                                                                               {"&gt;", '>'},
                                                                               {"&quot;", '"'},
                                                                               {"&apos;", '\''},
                                                                               {"&#34;", '"'}}};
  std::string result;
  while (!text.empty()) {
    bool found = false;
    for (const auto& [name, character] : kEntities) {
      if (!text.starts_with(name)) continue;
      result += character;
      text.remove_prefix(name.size());
      found = true;
      break;
    }
    if (found) continue;
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

/// What stands between the first <name> and the </name> after it; `xml` goes on behind that.
std::optional<std::string_view> take_element(std::string_view& xml, std::string_view name) {
  const std::string opening = fmt::format("<{}>", name);
  const std::string closing = fmt::format("</{}>", name);
  const std::size_t begin = xml.find(opening);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = xml.find(closing, begin);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view inside = xml.substr(begin + opening.size(), end - begin - opening.size());
  xml.remove_prefix(end + closing.size());
  return inside;
}

}  // namespace

std::optional<std::string> xml_text_of(std::string_view xml, std::string_view name) {
  const auto inside = take_element(xml, name);
  return inside ? std::optional(unescaped(*inside)) : std::nullopt;
}

std::optional<S3Listing> parse_s3_listing(std::string_view xml) {
  if (xml.find("<ListBucketResult") == std::string_view::npos) return std::nullopt;
  S3Listing listing;
  listing.next = xml_text_of(xml, "NextContinuationToken").value_or("");
  while (const auto entry = take_element(xml, "Contents")) {
    const std::string size = xml_text_of(*entry, "Size").value_or("");
    S3Listing::Entry found{xml_text_of(*entry, "Key").value_or("")};
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), found.size);
    if (found.key.empty() || error != std::errc() || end != size.data() + size.size())
      return std::nullopt;
    listing.entries.push_back(std::move(found));
  }
  return listing;
}

std::string s3_completion(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags.size(); ++i)
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                       xml_text(etags[i]));
  return xml + "</CompleteMultipartUpload>";
}

}  // namespace mgit
