#include "format/zip.h"
#include "mgit/graph.h"

namespace mgit {

Graph read_pt2(Bytes file, std::string_view source) {
  if (!looks_like_zip(file)) throw CorruptError("not a torch.export archive", std::string(source));
  throw Error("graphs of torch.export are not supported yet", std::string(source));
}

}  // namespace mgit
