import { charCodeAt } from '../char-code-at.ts';
import {
  DASH,
  DOT,
  DIGIT,
  BASE64_SIGN,
  HEX_LETTER,
  LETTER_OR_DIGIT,
  LOWER,
  PERCENT_SIGN,
  UPPER,
  WORD,
} from './characters.ts';

/**
 * The form of a provider's keys: a prefix no other text has, then characters of one alphabet.
 *
 * Lengths are the shortest the provider is known to use or somewhat less, never exact: providers change them, and
 * the prefixes alone tell enough.
 */
export interface KeyForm {
  readonly kind: string;
  readonly prefix: string;
  readonly alphabet: number;
  /** Fewest characters behind the prefix. */
  readonly min: number;
  /** Most characters behind the prefix, for prefixes that mean nothing without the exact length. */
  readonly max: number | undefined;
  /** Whether the prefix occurs in ordinary words too, so that the rest must not be words. */
  readonly isCommon: boolean;
}

const HEX = DIGIT | HEX_LETTER;
const URL_SAFE = WORD;
const DOTTED = WORD | DOT;
const BASE64 = LETTER_OR_DIGIT | BASE64_SIGN;

/** Forms that differ in nothing but their prefixes, which are given with spaces between them. */
function form(
  kind: string,
  prefixes: string,
  alphabet: number,
  min: number,
  max?: number,
  isCommon = false,
): KeyForm[] {
  return prefixes.split(' ').map((prefix) => ({ kind, prefix, alphabet, min, max, isCommon }));
}

function common(kind: string, prefixes: string, alphabet: number, min: number, max?: number): KeyForm[] {
  return form(kind, prefixes, alphabet, min, max, true);
}

/**
 * Where two forms share a beginning the longer prefix comes first. Prefixes and alphabets are those the providers
 * publish for secret scanning or show in their documentation.
 */
const forms = (): readonly KeyForm[] =>
  [
    // Models
    form('openai_key', 'sk-proj- sk-svcacct-', URL_SAFE, 8),
    common('openai_key', 'sk-admin-', URL_SAFE, 16),
    common('openai_key', 'ek_', HEX, 32),
    form('anthropic_key', 'sk-ant-', URL_SAFE, 8),
    form('openrouter_key', 'sk-or-v1-', URL_SAFE, 8),
    form('langfuse_key', 'sk-lf-', URL_SAFE, 8),
    common('api_key', 'sk-', URL_SAFE, 8),
    form('google_key', 'AIza', URL_SAFE, 30),
    form('google_key', 'AQ.Ab', URL_SAFE, 40),
    form('google_token', 'ya29.', DOTTED, 16),
    form('google_client_secret', 'GOCSPX-', URL_SAFE, 16),
    form('groq_key', 'gsk_', LETTER_OR_DIGIT, 16),
    common('xai_key', 'xai-', URL_SAFE, 24),
    common('huggingface_token', 'hf_', LETTER_OR_DIGIT, 20),
    common('huggingface_token', 'api_org_', LETTER_OR_DIGIT, 24),
    common('replicate_token', 'r8_', LETTER_OR_DIGIT, 24),
    common('perplexity_key', 'pplx-', LETTER_OR_DIGIT, 24),
    common('fireworks_key', 'fw_', LETTER_OR_DIGIT, 20),
    common('cerebras_key', 'csk-', LETTER_OR_DIGIT, 24),
    common('nvidia_key', 'nvapi-', URL_SAFE, 24),
    form('together_key', 'tgp_v1_', URL_SAFE, 20),
    // The name of a hash ends like the prefix: `blake2b_`.
    common('e2b_key', 'e2b_', HEX, 40),
    form('wandb_key', 'wandb_v1_', URL_SAFE, 40),
    common('tavily_key', 'tvly-', URL_SAFE, 16),
    common('jina_key', 'jina_', URL_SAFE, 32),
    form('firecrawl_key', 'fc-', HEX, 32, 32),
    form('pinecone_key', 'pcsk_', URL_SAFE, 24),
    form('elevenlabs_key', 'sk_', HEX, 40),
    form('langsmith_key', 'lsv2_pt_ lsv2_sk_', URL_SAFE, 16),
    common('posthog_key', 'phx_', LETTER_OR_DIGIT, 24),

    // Clouds
    form('aws_access_key', 'AKIA ASIA ABIA', UPPER | DIGIT, 16, 16),
    form('aws_bedrock_key', 'ABSKQmVkcm9ja0FQSUtleS bedrock-api-key-', BASE64, 40),
    form('alibaba_key', 'LTAI', LETTER_OR_DIGIT, 16, 24),
    form('digitalocean_token', 'dop_v1_ doo_v1_ dor_v1_', HEX, 32),
    form('cloudflare_token', 'cfut_ cfat_ cfk_', URL_SAFE, 32),
    form('cloudflare_token', 'v1.0-', HEX | DASH, 100),
    form('heroku_key', 'HRKU-', URL_SAFE, 32),
    common('vercel_token', 'vck_ vcp_ vci_ vca_', URL_SAFE, 20),
    form('netlify_token', 'nfp_', LETTER_OR_DIGIT, 32),
    form('supabase_token', 'sbp_', URL_SAFE, 32),
    form('supabase_key', 'sb_secret_', URL_SAFE, 16),
    form('fly_token', 'fm2_', BASE64, 40),
    form('fly_token', 'fo1_', URL_SAFE, 40),
    form('neon_key', 'napi_', LETTER_OR_DIGIT, 40),
    form('planetscale_token', 'pscale_tkn_', DOTTED, 32),
    form('planetscale_password', 'pscale_pw_', DOTTED, 32),
    form('pulumi_token', 'pul-', HEX, 40),
    form('vault_token', 'hvs. hvb.', URL_SAFE, 24),
    form('doppler_token', 'dp.pt.', LETTER_OR_DIGIT, 40),
    form('doppler_token', 'dp.st.', DOTTED, 40),
    form('tailscale_key', 'tskey-', URL_SAFE, 16),
    form('1password_token', 'ops_eyJ', BASE64, 64),
    form('age_key', 'AGE-SECRET-KEY-1', UPPER | DIGIT, 58),

    // Data
    form('databricks_token', 'dapi', HEX | DASH, 32, 34),
    form('airtable_token', 'pat', LETTER_OR_DIGIT | DOT, 79, 79),
    form('new_relic_key', 'NRAK-', UPPER | DIGIT, 24),
    form('grafana_token', 'glsa_', URL_SAFE, 32),
    form('grafana_token', 'glc_', BASE64, 32),
    form('sentry_token', 'sntrys_', BASE64 | WORD, 32),
    form('sentry_token', 'sntryu_', HEX, 32),
    form('postman_key', 'PMAK-', HEX | DASH, 32),

    // Code and packages
    form('github_token', 'ghp_ gho_ ghu_', LETTER_OR_DIGIT, 16),
    form('github_token', 'ghs_', DOTTED, 16),
    form('github_token', 'ghr_', LETTER_OR_DIGIT, 16),
    common('github_token', 'github_pat_', URL_SAFE, 20),
    form('gitlab_token', 'glpat-', DOTTED, 16),
    form('gitlab_token', 'gldt-', URL_SAFE, 16),
    form('gitlab_token', 'glrt-', DOTTED, 16),
    form('gitlab_token', 'glptt- glcbt-', URL_SAFE, 16),
    // Words of other languages, and prefixes of names in code, are among them: `glimt-`.
    common('gitlab_token', 'glrtr- glft- glsoat- glimt- glffct- glagent- gloas-', URL_SAFE, 16),
    form('npm_token', 'npm_', LETTER_OR_DIGIT, 24),
    form('pypi_token', 'pypi-', URL_SAFE, 50),
    form('rubygems_key', 'rubygems_', HEX, 32),
    form('docker_token', 'dckr_pat_ dckr_oat_', URL_SAFE, 20),
    form('artifactory_key', 'AKCp', LETTER_OR_DIGIT, 60),
    form('atlassian_token', 'ATATT3', WORD | BASE64_SIGN, 60),
    form('bitbucket_token', 'ATBB', LETTER_OR_DIGIT, 28, 36),
    form('circleci_token', 'CCIPAT_', URL_SAFE, 32),
    form('contentful_token', 'CFPAT-', URL_SAFE, 32),

    // Messages, work, shops
    form('slack_token', 'xoxb- xoxp- xoxa- xoxr- xoxs- xoxc- xoxe- xoxe.xox', URL_SAFE, 12),
    // A cookie, in base64 as a URL has it.
    common('slack_token', 'xoxd-', URL_SAFE | BASE64_SIGN | PERCENT_SIGN, 24),
    common('slack_token', 'xapp-', URL_SAFE, 12),
    form('stripe_key', 'sk_live_ sk_test_ rk_live_ rk_test_ sk_org_live_ sk_org_test_', LETTER_OR_DIGIT, 10),
    form('webhook_secret', 'whsec_', BASE64, 20),
    form('twilio_key', 'SK', HEX, 32, 32),
    form('twilio_account', 'AC', HEX, 32, 32),
    form('dropbox_token', 'sl.', DOTTED, 130),
    form('sendgrid_key', 'SG.', DOTTED, 40),
    common('mailgun_key', 'key-', LETTER_OR_DIGIT, 32, 32),
    form('brevo_key', 'xkeysib-', URL_SAFE, 32),
    form('linear_key', 'lin_api_', LETTER_OR_DIGIT, 24),
    form('linear_token', 'lin_oauth_', LETTER_OR_DIGIT, 24),
    common('notion_token', 'secret_', LETTER_OR_DIGIT, 40),
    common('notion_token', 'ntn_', LETTER_OR_DIGIT, 32),
    form('figma_token', 'figd_', URL_SAFE, 32),
    form('shopify_token', 'shpat_ shpca_ shppa_ shpss_', LETTER_OR_DIGIT, 24),
    common('square_token', 'EAAA', URL_SAFE, 56, 64),
    form('square_token', 'sq0atp-', URL_SAFE, 20),
    form('square_secret', 'sq0csp-', URL_SAFE, 30),
    form('facebook_token', 'EAACEdEose0cBA', LOWER | UPPER | DIGIT, 20),
    common('facebook_token', 'EAA', LETTER_OR_DIGIT, 100),
    form('hubspot_token', 'pat-na1- pat-na2- pat-eu1- pat-ap1-', HEX | DASH, 36, 36),
    form('mapbox_token', 'sk.eyJ', DOTTED, 60),
  ].flat();

let formsByBeginning: ReadonlyMap<number, readonly KeyForm[]> | undefined;

/** The forms whose prefix begins like the text at a position. Sorted in when first asked, not when loaded. */
export function keyFormsAt(text: string, position: number): readonly KeyForm[] {
  formsByBeginning ??= groupForms();
  return position + 2 > text.length ? NONE : (formsByBeginning.get(beginningAt(text, position)) ?? NONE);
}

const NONE: readonly KeyForm[] = [];

function groupForms(): ReadonlyMap<number, readonly KeyForm[]> {
  const groups = new Map<number, KeyForm[]>();
  for (const form of forms()) {
    const beginning = beginningAt(form.prefix, 0);
    const group = groups.get(beginning);
    if (group === undefined) groups.set(beginning, [form]);
    else group.push(form);
  }
  return groups;
}

/** Two characters as one number. */
function beginningAt(text: string, position: number): number {
  return (charCodeAt(text, position) << 16) | charCodeAt(text, position + 1);
}

/** The longest way back from a long word to a prefix that ends in a dot, such as `dp.pt.`. */
export const MAX_DOTTED_PREFIX = 6;
