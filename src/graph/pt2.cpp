#include "graph/functional.h"
#include "graph/pt2_archive.h"
#include "graph/pt2_program.h"
#include "mgit/graph.h"

namespace mgit {

Graph read_pt2(Bytes file, std::string_view source) {
  try {
    Graph graph = functional(read_pt2_program(Pt2Archive(file)));
    graph.source = source;
    return graph;
  } catch (const CorruptError& error) {
    throw CorruptError(error.what(), std::string(source), error.hint());
  } catch (const Error& error) {
    throw Error(error.what(), std::string(source), error.hint());
  }
}

}  // namespace mgit
