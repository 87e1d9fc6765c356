# fish completion for lb. For every user: lb completions fish >/etc/fish/completions/lb.fish
# For yourself: lb completions fish >~/.config/fish/completions/lb.fish

# Words go to lb without their quotes and without being expanded: nothing that is typed is evaluated.
function __lb_complete
    set -l words (commandline -opc)
    # As it is typed, quotes and all; one that is left open is closed.
    set -l token (commandline -ct)
    set -l current (string unescape -- "$token"; or string unescape -- "$token\""; or string unescape -- "$token'")
    set -l self lb
    string match -q -- '*/*' $words[1]; and set self (string replace -r -- '^~/' "$HOME/" $words[1])
    set -e words[1]
    set -l lines ($self __complete fish $words "$current" 2>/dev/null)
    set -l kind $lines[1]
    set -e lines[1]
    # --config=/etc/lb/lb.toml
    set -l head (string match -r -- '^--[^=]*=' "$current")
    set -l path (string replace -- "$head" '' "$current")
    switch "$kind"
        case files
            printf '%s\n' "$head"(__fish_complete_path "$path")
        case folders
            printf '%s\n' "$head"(__fish_complete_directories "$path")
        case words open
            # What is open ends with "=", behind which fish puts no blank.
            printf '%s\n' $lines
    end
end

complete -c lb -k -f -a '(__lb_complete)'
