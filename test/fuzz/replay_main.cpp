// Replays a corpus through a fuzz target without libFuzzer: every file of the directories that are
// named, each of its prefixes up to a bound, and the empty input. A crash is the failure.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kPrefixesMax = 256;

// A copy of exactly the size, so that a sanitizer sees a read beyond it.
void run(const std::vector<std::uint8_t>& bytes, std::size_t size) {
    const std::vector<std::uint8_t> input(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t files = 0;
    run({}, 0);
    for (int index = 1; index < argc; ++index) {
        std::error_code error;
        for (const auto& entry :
             std::filesystem::recursive_directory_iterator(argv[index], error)) {
            if (!entry.is_regular_file()) {
                continue;
            }
            std::ifstream file(entry.path(), std::ios::binary);
            const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
            const std::size_t step = std::max<std::size_t>(1, bytes.size() / kPrefixesMax);
            for (std::size_t size = 0; size < bytes.size(); size += step) {
                run(bytes, size);
            }
            run(bytes, bytes.size());
            ++files;
        }
    }
    std::printf("%zu files replayed\n", files);
    return files == 0 ? 1 : 0;
}
