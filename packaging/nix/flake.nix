# nix run 'git+REPOSITORY?dir=packaging/nix' -- --help
# The sources are those of the repository that the flake is in; nixpkgs is pinned by a flake.lock of your own.
{
  description = "Publishes a folder of posts as feeds and as an email newsletter";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = nixpkgs.lib.genAttrs systems;
      source = ../..;
      manifest = (builtins.fromTOML (builtins.readFile (source + "/Cargo.toml"))).package;
    in
    {
      packages = each (system:
        let pkgs = nixpkgs.legacyPackages.${system};
        in {
          default = pkgs.rustPlatform.buildRustPackage {
            pname = manifest.name;
            version = manifest.version;
            src = source;
            cargoLock.lockFile = source + "/Cargo.lock";
            nativeBuildInputs = [ pkgs.installShellFiles ];
            # The tests need a network of their own and a clock of their own; .ci/run runs them.
            doCheck = false;
            postInstall = ''
              $out/bin/letterpress man man
              installManPage man/*.1
              for shell in bash zsh fish; do
                $out/bin/letterpress completions $shell > letterpress.$shell
                installShellCompletion --cmd letterpress --$shell letterpress.$shell
              done
            '';
            meta = {
              description = manifest.description;
              license = with pkgs.lib.licenses; [ mit asl20 ];
              mainProgram = "letterpress";
            };
          };
        });

      apps = each (system: {
        default = {
          type = "app";
          program = "${self.packages.${system}.default}/bin/letterpress";
        };
      });
    };
}
