# Writes the commit of `source` into the header `output`; run as a script at every build.
execute_process(COMMAND git describe --always --dirty --tags
  WORKING_DIRECTORY ${source} OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR version STREQUAL "")
  set(version "unknown")
endif()
set(text "// The commit of this build. Generated.\n#pragma once\n")
string(APPEND text "#define JESPR_GIT_VERSION \"${version}\"\n")
if(EXISTS ${output})
  file(READ ${output} old)
endif()
if(NOT text STREQUAL "${old}")
  file(WRITE ${output} "${text}")
endif()
