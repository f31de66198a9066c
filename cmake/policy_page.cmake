# callgate.policy(5) from docs/policy.md. Usage: cmake -DLOWDOWN=... -DIN=policy.md -DOUT=... -P this
execute_process(COMMAND ${LOWDOWN} -s -Tman --nroff-nolinks -M title=callgate.policy -M section=5
                        -M source=callgate ${IN}
  OUTPUT_VARIABLE page COMMAND_ERROR_IS_FATAL ANY)
# The font C is not everywhere; the columns of a table are too narrow for two margins.
string(REPLACE "\\fC" "\\fB" page "${page}")
string(REGEX REPLACE "\n\\.SH\n[^\n]*" "\n.ad l\n.SH NAME\ncallgate.policy \\\\- the policy language of callgate\n.SH DESCRIPTION" page "${page}")
string(REGEX REPLACE "(\n\\.S[HS][^\n]*\n[^\n]*)\n\\.[LP]P" "\\1" page "${page}")
string(REPLACE ".SH DESCRIPTION\n.LP" ".SH DESCRIPTION" page "${page}")
string(APPEND page ".SH SEE ALSO\n.BR callgate\\-check (1),\n.BR callgate\\-compile (1)\n")
file(WRITE ${OUT} "${page}")
