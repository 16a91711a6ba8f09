//! The `kms-insights` binary; the program itself is the library beside it.

fn main() -> std::process::ExitCode {
    kms_insights::main(std::env::args_os())
}
