// Trailers of commit messages: reading, adding and taking away agree; records of
// operations and evaluations are read from whatever stands there.
#include <algorithm>

#include "fuzz.h"
#include "lineage/records.h"
#include "mgit/git.h"
#include "model/data_seen.h"
#include "model/operation_record.h"

namespace {

using namespace mgit;

void add_and_take_away(std::string_view message) {
  const std::vector<Trailer> added{{"Mgit-Fuzz", "one"}, {"Mgit-Fuzz-Other", "two words"}};
  const std::string longer = with_trailers(message, added);
  const std::vector<Trailer> found = trailers_of(longer);
  fuzz::require(
      found.size() >= added.size() && std::equal(added.rbegin(), added.rend(), found.rbegin()),
      "added trailers are found, last");
  const auto left = trailers_of(without_trailers(longer, "Mgit-Fuzz"));
  fuzz::require(std::none_of(left.begin(), left.end(),
                             [](const Trailer& trailer) {
                               return trailer.key == "Mgit-Fuzz" ||
                                      trailer.key == "Mgit-Fuzz-Other";
                             }),
                "trailers that were taken away are gone");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message = as_text(fuzz::bytes_of(data, size));
  for (const Trailer& trailer : trailers_of(message))
    fuzz::require(!trailer.key.empty() && trailer.value.find('\n') == std::string::npos,
                  "a trailer has a key and one line");
  add_and_take_away(message);
  for (const std::vector<Trailer>& trailers :
       {operation_trailers(message), note_trailers(message)}) {
    const OperationRecord record = parse_operation(trailers);
    fuzz::require(parse_operation(note_trailers(note_text(record))) == record,
                  "a record comes back from its note");
  }
  if (const auto claim = data_claim(message, "a b.safetensors")) {
    if (const auto seen = parse_data_seen(*claim))
      fuzz::require(parse_data_seen(seen->unit + " " + std::to_string(seen->count)) == seen,
                    "a count comes back from its words");
  }
  for (const EvaluationRecord& record : parse_evaluations(Oid(), message)) {
    const std::string line = evaluation_line(record);
    const auto again = parse_evaluation(Oid(), line);
    fuzz::require(again && evaluation_line(*again) == line,
                  "an evaluation comes back from its line");
  }
  return 0;
}
