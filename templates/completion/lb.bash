# bash completion for lb. For every user: lb completions bash >/etc/bash_completion.d/lb
# For yourself, in ~/.bashrc: source <(lb completions bash)

# The line goes to lb as one word, which lb takes apart by itself: nothing that is typed is ever
# evaluated here. $2 is the part of the last word that bash replaces.
_lb() {
  local self=lb kind
  [[ $1 != */* ]] || self=${1/#\~\//$HOME/}
  COMPREPLY=()
  {
    IFS= read -r kind && mapfile -t COMPREPLY
  } < <("$self" __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" "$COMP_TYPE" 2>/dev/null)
  case $kind in
    files) compopt -o default ;;
    folders) compopt -o dirnames ;;
    open) compopt -o nospace ;;
  esac
  # bash 4.4
  compopt -o nosort 2>/dev/null || :
}

complete -F _lb lb
