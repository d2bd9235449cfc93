# The formula for Homebrew, for a tap. A release replaces the placeholders REPOSITORY, VERSION and SHA256 (of the
# source archive), each between two @: packaging/fill.sh.
class Letterpress < Formula
  desc "Publishes a folder of posts as feeds and as an email newsletter"
  homepage "@REPOSITORY@"
  url "@REPOSITORY@/archive/refs/tags/v@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    system bin/"letterpress", "man", buildpath/"man"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"letterpress", "completions")
  end

  test do
    system bin/"letterpress", "new", testpath/"site"
    system bin/"letterpress", "--config", testpath/"site/config.toml", "build"
    assert_path_exists testpath/"site/public/atom.xml"
  end
end
