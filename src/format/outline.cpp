#include "format/outline.h"

#include "base/wire.h"
#include "format/format_table.h"

namespace mgit {

std::optional<Outline> outline_of(Bytes file, std::string_view name) {
  const Format* format = find_format(name);
  if (format == nullptr || format->outline == nullptr) return std::nullopt;
  try {
    return format->outline(file);
  } catch (const Error&) {
    return std::nullopt;
  } catch (const wire::Malformed&) {
    return std::nullopt;
  }
}

}  // namespace mgit
