/** The variables that VS Code's four default themes give a webview, as far as the page uses them. */
export type ThemeName = 'dark' | 'light' | 'high-contrast' | 'high-contrast-light';

const names = [
  'editor-background', 'foreground', 'descriptionForeground', 'errorForeground', 'focusBorder', 'widget-border', 'contrastBorder', 'editorWidget-background', 'editorHoverWidget-background', 'editorHoverWidget-border', 'editorHoverWidget-foreground',
  'button-background', 'button-foreground', 'button-hoverBackground', 'button-secondaryBackground', 'button-secondaryForeground', 'button-secondaryHoverBackground', 'input-background', 'input-foreground', 'input-border', 'input-placeholderForeground',
  'list-hoverBackground', 'list-activeSelectionBackground', 'list-activeSelectionForeground', 'progressBar-background', 'editorWarning-foreground', 'inputValidation-warningBackground', 'inputValidation-warningBorder', 'inputValidation-errorBackground', 'inputValidation-errorBorder',
  'charts-blue', 'charts-orange', 'charts-green', 'charts-purple', 'charts-red', 'charts-yellow',
];

/** Colours in the order of `names`; `-` where the theme leaves the variable out. */
function theme(kind: string, colours: string): { readonly kind: string; readonly variables: Readonly<Record<string, string>> } {
  const values = colours.trim().split(/\s+/);
  const variables: Record<string, string> = { '--vscode-font-family': 'system-ui, Ubuntu, sans-serif', '--vscode-font-size': '13px', '--vscode-editor-font-family': "'Droid Sans Mono', monospace" };
  names.forEach((name, i) => {
    const value = values[i];
    if (value !== undefined && value !== '-') variables[`--vscode-${name}`] = value;
  });
  return { kind, variables };
}

export const themes: Readonly<Record<ThemeName, ReturnType<typeof theme>>> = {
  dark: theme('vscode-dark', `#1f1f1f #cccccc #9d9d9d #f85149 #0078d4 #313131 - #202020 #202020 #454545 #cccccc
    #0078d4 #ffffff #026ec1 #313131 #cccccc #3c3c3c #313131 #cccccc #3c3c3c #989898
    #2a2d2e #04395e #ffffff #0078d4 #cca700 #352a05 #b89500 #5a1d1d #be1100
    #3794ff #d18616 #89d185 #b180d7 #f14c4c #cca700`),
  light: theme('vscode-light', `#ffffff #3b3b3b #3b3b3b #f85149 #005fb8 #e5e5e5 - #f8f8f8 #f8f8f8 #c8c8c8 #3b3b3b
    #005fb8 #ffffff #0258a8 #e5e5e5 #3b3b3b #cccccc #ffffff #3b3b3b #cecece #767676
    #f2f2f2 #e8e8e8 #000000 #005fb8 #bf8803 #f6f5d2 #b89500 #f2dede #be1100
    #1a85ff #d18616 #388a34 #652d90 #e51400 #bf8803`),
  'high-contrast': theme('vscode-high-contrast', `#000000 #ffffff #ffffff #f48771 #f38518 #6fc3df #6fc3df #0c141f #0c141f #6fc3df #ffffff
    #000000 #ffffff - #000000 #ffffff - #000000 #ffffff #6fc3df #ffffffb3
    #ffffff1a - - #6fc3df #ffd370 #000000 #6fc3df #000000 #6fc3df
    #3794ff #d18616 #89d185 #b180d7 #f48771 #cca700`),
  'high-contrast-light': theme('vscode-high-contrast-light', `#ffffff #292929 #292929 #b5200d #006bbd #0f4a85 #0f4a85 #ffffff #ffffff #0f4a85 #292929
    #0f4a85 #ffffff #0f4a85 #ffffff #0f4a85 #ffffff #ffffff #292929 #0f4a85 #292929b3
    #0f4a851a #0f4a851a - #0f4a85 #895503 #ffffff #0f4a85 #ffffff #0f4a85
    #1a85ff #d18616 #374e06 #652d90 #b5200d #bf8803`),
};
