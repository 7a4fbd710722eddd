// mgit textconv: a checkpoint as text, for git diff.
#include <fmt/format.h>

#include "cli/command.h"
#include "workflow/diff/diff_command.h"

namespace mgit::cli {
namespace {

class Textconv : public Command {
 public:
  void options(Options& options) override {
    options.argument("file", file_, "a checkpoint or a manifest").required();
  }
  int run() override {
    fmt::print("{}", textconv(file_, repository().get()));
    return 0;
  }

 private:
  /// None outside a repository.
  static std::unique_ptr<Workspace> repository() {
    try {
      return std::make_unique<Workspace>(Workspace::discover());
    } catch (const Error&) {
      return nullptr;
    }
  }

  std::string file_;
};

const Registered<Textconv> kTextconv("textconv", "a checkpoint as text, for git diff", "",
                                     Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
