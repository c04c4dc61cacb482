// What the leak checker must not report: libpqxx 6.4 loses a PGresult of about 2 KiB for each
// connection that breaks in a statement.

extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name

extern "C" const char* __lsan_default_suppressions() {  // NOLINT
    return "leak:PQmakeEmptyPGresult\n";
}
