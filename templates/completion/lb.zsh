#compdef lb
# zsh completion for lb. For every user: lb completions zsh >/usr/local/share/zsh/site-functions/_lb
# For yourself, in ~/.zshrc behind compinit: source <(lb completions zsh)

# Words go to lb without their quotes and without being expanded: nothing that is typed is evaluated.
_lb() {
  local self=lb kind
  local -a lines before ending
  [[ $words[1] != */* ]] || self=${words[1]/#\~\//$HOME/}
  (( CURRENT < 3 )) || before=("${(@Q)words[2,CURRENT-1]}")
  lines=("${(@f)$("$self" __complete zsh "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
  kind=$lines[1]
  shift lines
  case $kind in
    files | folders)
      # --config=/etc/lb/lb.toml
      [[ $PREFIX != --*=* ]] || compset -P '*='
      [[ $kind == files ]] && _files || _files -/
      ;;
    words | open)
      [[ $kind == words ]] || ending=(-S '')
      _describe -V lb lines "${ending[@]}"
      ;;
  esac
}

# Loaded by source, it has to be told of; found in $fpath, it is called right away.
if [[ $funcstack[1] == _lb ]]; then
  _lb "$@"
else
  compdef _lb lb
fi
