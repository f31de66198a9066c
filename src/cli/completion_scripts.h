// The scripts of `callgate completion`; completion_verb.cpp says what `callgate complete` prints.
#pragma once

namespace callgate::cli {

// Bash splits words at = and : (COMP_WORDBREAKS); callgate does not, so they are put together
// again, and what a candidate has in common with the words before the last is cut off.
inline constexpr const char* bash_completion = R"script(# bash completion for callgate

_callgate_command() {  # the command line that begins at word $1 of callgate's
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif [[ $1 -eq $COMP_CWORD ]]; then
    mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
  fi
}

_callgate() {
  local words=() first=(0) word line i joined=0
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]})) && [[ $joined -eq 1 || $word =~ ^[=:]+$ ]]; then
      words[-1]+=$word
    else
      words+=("$word")
      first+=("$i")
    fi
    [[ $word =~ ^[=:]+$ ]] && joined=1 || joined=0
  done
  local typed=${COMP_WORDS[COMP_CWORD]}
  [[ $typed =~ ^[=:]+$ ]] && typed=
  local cut=$((${#words[-1]} - ${#typed}))
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$typed")
        ;;
      :open) compopt -o nospace ;;
      :command\ *) _callgate_command "${first[${line#:command }]}" ;;
      *)
        line=${line%%$'\t'*}
        COMPREPLY+=("${line:cut}")
        ;;
    esac
  done < <(command callgate complete -- "${words[@]}" 2>/dev/null)
}

complete -F _callgate callgate
)script";

inline constexpr const char* zsh_completion = R"script(#compdef callgate

_callgate() {
  local line files open
  local -a candidates
  for line in "${(@f)$(command callgate complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      ('') ;;
      (:files) files=1 ;;
      (:open) open=1 ;;
      (:command\ *)
        line=${line#:command }
        shift $line words
        ((CURRENT -= line))
        _normal
        return
        ;;
      (*)
        candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        ;;
    esac
  done
  local result=1
  if (($#candidates)); then
    _describe -t values value candidates ${open:+-S} ${open:+''} && result=0
  fi
  if [[ -n $files ]]; then
    compset -P '--[^=]##='
    _files && result=0
  fi
  return result
}

if [[ $funcstack[1] == _callgate ]]; then
  _callgate "$@"
else
  compdef _callgate callgate
fi
)script";

inline constexpr const char* fish_completion = R"script(# fish completion for callgate

function __callgate_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct)
    for line in (command callgate complete -- $before[2..-1] "$typed" 2>/dev/null)
        switch $line
            case :files
                set -l option (string match -r -- '^--[^=]+=' "$typed")
                for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' "$typed"))
                    echo "$option$path"
                end
            case :open
            case ':command *'
                set -l from (math (string replace ':command ' '' $line) + 1)
                set -l inner (string escape -- $before[$from..-1])
                complete -C "$inner $typed"
            case '*'
                echo $line
        end
    end
end

complete -c callgate -f -a '(__callgate_complete)'
)script";

}  // namespace callgate::cli
