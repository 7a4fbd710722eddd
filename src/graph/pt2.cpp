#include "graph/functional.h"
#include "graph/pt2_archive.h"
#include "graph/pt2_program.h"
#include "graph/reading.h"
#include "mgit/graph.h"

namespace mgit {

Graph read_pt2(Bytes file, std::string_view source) {
  return reading(source, [&] {
    Graph graph = functional(read_pt2_program(Pt2Archive(file)));
    graph.source = source;
    return graph;
  });
}

}  // namespace mgit
