//! The `kms-insights` binary; the program itself is the library beside it.

mod allocator;

fn main() -> std::process::ExitCode {
    allocator::hold_little();
    kms_insights::main(std::env::args_os())
}
